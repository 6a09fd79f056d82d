"""Which event a copy in a derived topic is a copy of."""

import re

from eventstore.model.events import Event

REPLAY_OF = "replayof"
ORIGIN_MESSAGE_ID = "ORIGIN_MESSAGE_ID"
LONGEST = 1024

_WRITTEN = re.compile(r"\(?(\d+)[:,](\d+)[:,]-?\d+(?:[:,](-?\d+))?\)?", re.ASCII)
"""Ledger, entry, partition, place in batch: as Java's client (``5:0:-1:3``) and the others (``(5,0,-1,3)``) write an id."""


def original_of(event: Event) -> str:
    """What the copy says of its original: the event id that a replay names, else the place that retry and dead-letter topics
    name by the broker's message id, as positions are labelled (``5:0:3``); empty where it says nothing."""
    said = event.attributes.get(REPLAY_OF) or event.message.properties.get(REPLAY_OF, "")
    if not said:
        said = _label(event.message.properties.get(ORIGIN_MESSAGE_ID, ""))
    return said if len(said) <= LONGEST else ""


def _label(message_id: str) -> str:
    """The message id as a position's label; what is none is kept as it is."""
    found = _WRITTEN.fullmatch(message_id)
    if not found:
        return message_id
    ledger, entry, batch = found.groups()
    return f"{ledger}:{entry}" if batch is None or batch.startswith("-") else f"{ledger}:{entry}:{batch}"
