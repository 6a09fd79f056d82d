"""The pages of subscriptions: backlogs, one subscription, what is wrong with it, and its figures."""
