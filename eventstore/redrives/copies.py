"""From a letter to the copy that is sent: where to, with which properties, and when its event happened."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from eventstore.drivers.routing import partition_of
from eventstore.index.writing.copy_origin import ORIGIN_MESSAGE_ID, label_of
from eventstore.model.copying import Copy, Copying
from eventstore.model.events import Message, Position
from eventstore.model.log import Log
from eventstore.redrives.order import Order
from eventstore.subscriptions.letters import REAL_SUBSCRIPTION, REAL_TOPIC

JOB, LETTER = "redriveid", "redriveof"
"""The properties of a copy: the job's id, and which letter it is a copy of (``letter_id``)."""
COUNTED = frozenset({"RECONSUMETIMES", "DELAY_TIME"})
"""By these, Java's client counts how often an event was tried. With them, a copy would be a dead letter again at once."""
ADDED = frozenset({REAL_TOPIC, REAL_SUBSCRIPTION, ORIGIN_MESSAGE_ID, "ORIGIN_MESSAGE_IDY_TIME"})
"""What the clients add to a letter. On a retry topic it tells what the copy is a copy of; in the original topic nobody needs
it."""

_PARTITION = re.compile(r"-partition-(\d{1,9})$", re.ASCII)
_OF_ID = re.compile(r"\(?\d+[:,]\d+[:,](\d{1,9})(?:[:,]-?\d+)?\)?", re.ASCII)


def letter_id(letter: Message) -> str:
    """Return the partition and the place of the letter: no other letter of its topic has the same."""
    return f"{letter.position.partition}/{letter.position.label}"


def copies_of(order: Order, letters: Sequence[Message], partitions: int, times: Mapping[Position, datetime]) -> list[Copy]:
    """Return the letters' copies. ``partitions``: how many the target has; ``times``: event times that letters have lost."""
    home = order.target == order.source
    left_out = COUNTED | ADDED if home else COUNTED
    copies = []
    for letter in letters:
        properties = {name: value for name, value in letter.properties.items() if name not in left_out}
        properties[JOB], properties[LETTER] = order.job, letter_id(letter)
        copies.append(
            Copy(
                partition=_partition(letter, partitions, home) if partitions > 1 else 0,
                message=letter,
                properties=properties,
                event_time=letter.event_time or times.get(letter.position),
            )
        )
    return copies


def lost_times(copying: Copying, log: Log, order: Order, letters: Sequence[Message]) -> Mapping[Position, datetime]:
    """Return the event times of those letters that have none and whose originals have one. Python's client leaves it out.

    An original that is gone, or another event in its place, tells nothing.
    """
    places = {
        letter.position: place for letter in letters if letter.event_time is None and (place := _original(log, order, letter))
    }
    originals = copying.fetch(list(set(places.values()))) if places else {}
    times = {}
    for letter in letters:
        original = originals.get(places[letter.position]) if letter.position in places else None
        if original is not None and original.event_time is not None and _is_same(letter, original):
            times[letter.position] = original.event_time
    return times


def _is_same(letter: Message, original: Message) -> bool:
    return letter.payload == original.payload and letter.key == original.key


def _original(log: Log, order: Order, letter: Message) -> Position | None:
    said = letter.properties.get(ORIGIN_MESSAGE_ID)
    return log.labelled(order.source, named_partition(letter) or 0, label_of(said)) if said else None


def _partition(letter: Message, partitions: int, home: bool) -> int:
    """In the original topic: where the original lies, so that its stream stays in one partition. Clients hash keys in several
    ways. Elsewhere, by the key; without one, any, and always the same."""
    own = named_partition(letter) if home else None
    if own is not None and own < partitions:
        return own
    return partition_of(letter.key or letter_id(letter), partitions)


def named_partition(letter: Message) -> int | None:
    """Return the partition of the original, as the letter tells it."""
    found = _PARTITION.search(letter.properties.get(REAL_TOPIC, "")) or _OF_ID.fullmatch(
        letter.properties.get(ORIGIN_MESSAGE_ID, "")
    )
    return int(found[1]) if found else None
