"""Hints between processes: "look again". What has changed is not said, and any may be lost: the database is asked anyway."""
