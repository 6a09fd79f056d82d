"""The embedded event store: topics, events and subscriptions as tables of SQLite or PostgreSQL."""
