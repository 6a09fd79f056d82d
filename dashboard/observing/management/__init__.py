"""A command that says whether the other processes run (``dashboard/observing/management/commands/``)."""
