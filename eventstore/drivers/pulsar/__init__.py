"""The driver for Apache Pulsar: the client for reading and publishing, the admin REST API for all that is about the log."""
