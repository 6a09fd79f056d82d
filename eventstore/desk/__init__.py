"""The desk: one object that a process builds once. Each capability is a face of it (``desk.streams``, ``desk.index`` …)."""

from eventstore.desk.desk import Desk

__all__ = ["Desk"]
