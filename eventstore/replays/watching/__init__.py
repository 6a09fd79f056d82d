"""Watching a replay: what of it is consumed, what its consumers gave up, and following it until all is consumed."""

from eventstore.replays.watching.consumption import Consumption, PartConsumed, Stretch, consumption_of, has_consumed
from eventstore.replays.watching.copies import MOST_SHOWN, CopyLine, copies_in, counted_by_copies
from eventstore.replays.watching.following import Follow, Looks, follow, place_of
from eventstore.replays.watching.places import (
    TARGET,
    is_read_elsewhere,
    reader_of,
    readings_of,
    stretches_of,
    target_json,
)
from eventstore.replays.watching.refused import Refusals, Refused, dead_letters_of, refused_since
from eventstore.replays.watching.watched import LOOKS, Watched, looks_of

__all__ = [
    "LOOKS",
    "MOST_SHOWN",
    "TARGET",
    "Consumption",
    "CopyLine",
    "Follow",
    "Looks",
    "PartConsumed",
    "Refusals",
    "Refused",
    "Stretch",
    "Watched",
    "consumption_of",
    "copies_in",
    "counted_by_copies",
    "dead_letters_of",
    "follow",
    "has_consumed",
    "is_read_elsewhere",
    "looks_of",
    "place_of",
    "reader_of",
    "readings_of",
    "refused_since",
    "stretches_of",
    "target_json",
]
