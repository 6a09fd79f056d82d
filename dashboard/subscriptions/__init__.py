"""The pages of subscriptions: backlogs, one subscription, cursor resets, and what a crash left of one."""
