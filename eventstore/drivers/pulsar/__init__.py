"""The driver for Apache Pulsar. It reads and publishes with the Python client, and uses the admin REST API for everything
else."""
