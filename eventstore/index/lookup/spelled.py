"""Positions as people write them: every form in which a page, a log, a frame or the broker's own tools show one.

They are ``documents-1 333`` (what pages show and copy), ``documents-1 · 333``, ``documents partition 1, 333``,
``documents-partition-1 333``, the encoded form of addresses and frames (``314d@1@documents``), and the label alone, ``333`` or
``118:4021``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from eventstore.index.lookup.labels import with_label
from eventstore.index.lookup.pointers import last_ordinals, pointers_at
from eventstore.index.lookup.queries import partition_row
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import IndexedTopic, Pointer

MOST_PARTITIONS = 500
"""Partitions in which a label alone is looked up."""
LONGEST = 2048
"""Characters of a position; longer ones are none."""
_SPELLED = re.compile(r"(?P<topic>.+?)(?:-partition-|\s+partition\s+|-)(?P<partition>\d{1,9})(?:\s*[·,]\s*|\s+)(?P<label>\S+)")
_BEHIND = "i"
"""Appended to a message's token, it sorts behind what a driver may have added to it, and before everything else."""


def positions_spelled(log: Log, text: str, topics: Mapping[str, IndexedTopic], topic: str = "") -> Sequence[Position]:
    """The positions that a text may mean, each with its label, whether anything lies there or not.

    A topic may be named without its tenant and namespace. With ``topic``, only positions in it count, and a label alone means
    a place in any of its partitions. Without it, a label alone does not count.
    """
    text = text.strip()
    if len(text) > LONGEST:
        return []
    found = [*_encoded(log, text), *_written(log, text, topics)]
    if not found and topic in topics:
        found = [*_in_partitions(log, text, [topics[topic]])]
    return list(dict.fromkeys(position for position in found if topic in ("", position.topic)))


def labelled_anywhere(log: Log, text: str, topics: Iterable[IndexedTopic]) -> Sequence[Position]:
    """The positions with this label in every partition, if it is of several numbers, as Pulsar's: one ledger has one log."""
    return _in_partitions(log, text.strip(), topics) if ":" in text else []


def pointers_spelled(log: Log, positions: Sequence[Position]) -> Sequence[Pointer]:
    """The indexed events at these positions.

    The label of a message in chunks does not tell all of its position. That of an entry which holds a batch (``118:4021``)
    begins those of its events (``118:4021:0``), and means the first of them.
    """
    found = [pointer for position in positions for pointer in _at(log, position)]
    return list({pointer.position: pointer for pointer in found}.values())


def _encoded(log: Log, text: str) -> Sequence[Position]:
    try:
        position = Position.decode(text)
        return [log.position(position.topic, position.partition, position.token)]
    except InvalidPosition:
        return []


def _written(log: Log, text: str, topics: Mapping[str, IndexedTopic]) -> Sequence[Position]:
    match = _SPELLED.fullmatch(text)
    if match is None:
        return []
    number = int(match["partition"])
    named = [topic for topic in topics.values() if match["topic"] in (topic.topic, topic.topic.rpartition("/")[2])]
    there = [log.labelled(topic.topic, number, match["label"]) for topic in named if number < topic.partitions]
    return [position for position in there if position is not None]


def _in_partitions(log: Log, text: str, topics: Iterable[IndexedTopic]) -> Sequence[Position]:
    places = [(topic.topic, number) for topic in topics for number in range(topic.partitions)][:MOST_PARTITIONS]
    there = (log.labelled(topic, number, text) for topic, number in places)
    return [position for position in there if position is not None]


def _at(log: Log, position: Position) -> Sequence[Pointer]:
    row = partition_row(position.topic, position.partition)
    if row is None:
        return []
    (last,) = last_ordinals(row.pk, [position.token + _BEHIND])
    there = {pointer.ordinal: pointer for pointer in pointers_at([(row.pk, last), (row.pk, last + 1)])}
    if last in there and there[last].position.token.startswith(position.token):
        return [there[last]]
    following = there.get(last + 1)
    if following is None or not with_label(log, following.position).label.startswith(f"{position.label}:"):
        return []
    return [following]
