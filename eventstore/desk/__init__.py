"""The desk: one object that a process builds once, and that everything else asks."""

from eventstore.desk.desk import Gateway

__all__ = ["Gateway"]
