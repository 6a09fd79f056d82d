"""The subscriptions of the embedded store: cursors, members, and which member gets which message."""
