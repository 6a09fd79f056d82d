"""Pages of events: rows with payloads, several streams merged by time, filtered streams, and copies of an event."""

from eventstore.streams.filtered import FilteredStream
from eventstore.streams.rows import Missing, Row

__all__ = ["FilteredStream", "Missing", "Row"]
