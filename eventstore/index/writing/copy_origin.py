"""What a message that is in no stream belongs to: a copy to its original, an unreadable one perhaps to what its key names."""

import re

from eventstore.model.events import UNREADABLE_KEY, Event, Position

REPLAY_OF = "replayof"
ORIGIN_MESSAGE_ID = "ORIGIN_MESSAGE_ID"
LONGEST = 1024
LONGEST_NUMBER = 10
"""Characters, one more than a partition's number may have."""

_WRITTEN = re.compile(r"\(?(\d+)[:,](\d+)[:,]-?\d+(?:[:,](-?\d+))?\)?", re.ASCII)
"""Ledger, entry, partition and place in the batch, as the Java client (``5:0:-1:3``) and the others (``(5,0,-1,3)``) write an
id.
"""

_SURROGATE = re.compile("[\ud800-\udfff]")


def mark_of(position: Position) -> str:
    """Return how a replay's copy names the message here as its original: its topic, partition and place."""
    return f"{position.topic}/{position.partition}/{position.label or position.token}"


def parts_of(mark: str) -> tuple[str, int, str] | None:
    """Return the topic, the partition and the label that ``mark_of`` wrote; ``None`` for another text."""
    rest, _, label = mark.rpartition("/")
    topic, _, partition = rest.rpartition("/")
    is_number = partition.isascii() and partition.isdigit() and len(partition) < LONGEST_NUMBER
    return (topic, int(partition), label) if topic and label and is_number else None


def original_of(event: Event) -> str:
    """Return what the copy says of its original; empty if it says nothing.

    A replay names the original's place (``mark_of``), or its event id if it is not one of ours. Retry and dead-letter topics
    name the broker's message id, which is returned as a position's label (``5:0:3``). They copy a batch of events as the
    message that it is, so its members keep their numbers.
    """
    said = event.attributes.get(REPLAY_OF) or event.message.properties.get(REPLAY_OF, "")
    if not said and (origin := event.message.properties.get(ORIGIN_MESSAGE_ID)):
        number = event.message.position.member
        said = label_of(origin) if number is None else f"{label_of(origin)}/{number}"
    return said if len(said) <= LONGEST and _is_text(said) else ""


def key_of_unreadable(event: Event) -> str:
    """Return the key of a message that could not be read, which may be its aggregate's id; empty for every other event."""
    key = event.message.key
    if not event.problem or not key or key == UNREADABLE_KEY or len(key) > LONGEST:
        return ""
    return key if _is_text(key) else ""


def _is_text(said: str) -> bool:
    """Whether it can be encoded, and so be indexed: a half of a surrogate pair cannot."""
    return said.isprintable() or not _SURROGATE.search(said)


def label_of(message_id: str) -> str:
    """Return the message id as a position's label. A text that is not a message id is returned unchanged."""
    found = _WRITTEN.fullmatch(message_id)
    if not found:
        return message_id
    ledger, entry, batch = found.groups()
    return f"{ledger}:{entry}" if batch is None or batch.startswith("-") else f"{ledger}:{entry}:{batch}"
