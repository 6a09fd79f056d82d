"""Replays on the command line: what a command asks for, and what it prints."""
