"""What goes over Pulsar's binary protocol: reading, following, consuming and publishing with the Python client."""
