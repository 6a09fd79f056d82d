"""The index's commands, and what commands share: the configured storage, and ending at a signal. They need no dashboard."""

from eventstore.management.stopping import Stop, stopping_by_signal

__all__ = ["Stop", "stopping_by_signal"]
