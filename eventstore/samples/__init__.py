"""Invented histories for the demo, tests and benchmarks. No event in here is about a real person."""

from eventstore.samples.health import health_history, misfits, oldest_form

__all__ = ["health_history", "misfits", "oldest_form"]
