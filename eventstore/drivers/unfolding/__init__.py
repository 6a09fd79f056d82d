"""Takes messages that hold several events apart, once for everything that reads a store: each event has its own message."""

from eventstore.drivers.unfolding.log import MessageLog, UnfoldedLog

__all__ = ["MessageLog", "UnfoldedLog"]
