"""What is settled at start: the configuration file, the databases, demo secrets, and Django's system checks."""
