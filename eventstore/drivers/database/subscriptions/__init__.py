"""The embedded store's subscriptions: cursors, members, and which member gets which message."""
