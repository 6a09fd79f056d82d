"""The kinds of anomaly that the index finds in events."""

from enum import StrEnum


class Anomaly(StrEnum):
    """The kinds. Each value is shown to people and is part of the address of the kind's list."""

    DUPLICATE_ID = "duplicate-id"
    """The event's id is that of an earlier event."""
    SEQUENCE_SKIPS = "sequence-skips"
    """The publisher's number (``sequence``, or the mapping's version) skips some."""
    SEQUENCE_GOES_BACK = "sequence-goes-back"
    """The publisher's number is not higher than the one before it in the stream."""
    TIME_GOES_BACK = "time-goes-back"
    """The event's time is before that of an earlier event of its stream."""
    UNREADABLE = "unreadable"
    """The message fits no envelope."""
    SCHEMA = "schema"
    """The payload does not decode by the schema that it was written with."""
