"""Processes that are killed, and connections that are cut."""
