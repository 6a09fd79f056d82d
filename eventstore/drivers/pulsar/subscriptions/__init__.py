"""The subscriptions of a Pulsar cluster: where their cursors stand, who is connected, and moving a cursor."""
