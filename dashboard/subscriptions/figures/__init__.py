"""Figures of subscriptions: the rows of their table, its order and filter, the small chart in a row, and the large one."""
