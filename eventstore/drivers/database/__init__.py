"""The embedded store: topics, messages and subscriptions in an SQL database, SQLite or PostgreSQL."""
