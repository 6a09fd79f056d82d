"""What a process needs at start: the configuration file, databases, the demo's secrets, and system checks.

The settings module imports ``config_file``, ``databases``, and ``demo_secrets`` before Django is ready, so this room exports
nothing here and those modules know nothing of Django.
"""
