"""Everything that uses Pulsar's binary protocol: reading, following, consuming and publishing with the Python client."""
