"""Pages of events: rows with payloads, filtered streams, the copies of an event, and a cache of payloads."""

from eventstore.streams.copies import count_copies
from eventstore.streams.filtered import FilteredStream
from eventstore.streams.rows import Missing, Row

__all__ = ["FilteredStream", "Missing", "Row", "count_copies"]
