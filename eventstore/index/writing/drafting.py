"""From what a reader gives out to a prepared batch, piece by piece.

Usual events go straight from their messages' parts to columns. All others, and all of topics that are indexed in another way,
become events first (``guarding``). The result is the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

import numpy as np
from msgspec import Struct

from eventstore.config.searchable_values import DeclaredValues, ValuesOf
from eventstore.envelope import TopicMapping
from eventstore.envelope.mapping import mapping_for
from eventstore.envelope.reading import Decode
from eventstore.envelope.usual import UsualPiece, UsualTimes, usual_piece
from eventstore.index.tables.blocks import Columns
from eventstore.index.tables.keys import Key
from eventstore.index.tables.sequences import source_key
from eventstore.index.tables.texts import together
from eventstore.index.tables.usual import TEXTS, Merger, pack
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.prepared_batch import EPOCH, PreparedBatch, Read, assemble
from eventstore.model.events import Message, Position, Topic
from eventstore.model.pieces import Piece

_NAMES = ("ids", "times", "correlations", "causations", "sizes", "flags", "schemas", "originals")
"""The columns that a message's event fills, other than those that the reader fills."""


TRY_AGAIN = 16
"""Of a partition whose events need a closer look, every so many reads are tried side by side."""


class Ways(Struct, frozen=True, kw_only=True):
    """How the messages of an index are read. ``values_of`` gives an event's searchable values, if any are declared."""

    mappings: Sequence[TopicMapping]
    decode: Decode
    values_of: ValuesOf | None


class Drafter:
    """Prepares the pieces of one partition. Not thread-safe."""

    def __init__(self, topic: Topic, key: Key, ways: Ways) -> None:
        self._topic, self._key, self._ways = topic, key, ways
        self._times, self._merger = UsualTimes(), Merger()
        self._parts: list[PreparedBatch] = []
        mapping = mapping_for(topic.name, tuple(ways.mappings)) if ways.mappings else None
        values = ways.values_of is not None and not (
            isinstance(ways.values_of, DeclaredValues) and not ways.values_of.written_of(topic)
        )
        self.usual = not (topic.derived or values or (mapping is not None and mapping.before_envelope))
        """Whether the topic's usual events can go straight to columns."""
        self.mostly_usual = self.usual
        """Whether most events that were last added did so, as far as it was tried."""
        self._whole_events = self._reads = 0
        self.usual_events = 0
        """How many usual events were added since the last batch was taken."""

    def wants_pieces(self) -> bool:
        """Return whether to have the next read in pieces. Whole messages cost less where they are needed anyway."""
        self._reads += 1
        return self.mostly_usual or (self.usual and self._reads % TRY_AGAIN == 0)

    def add(self, piece: Piece | UsualPiece | Sequence[Message]) -> None:
        """Add what was read next. Raises ``StoreUnreachable`` as ``events_in`` does; the batch is of no use then."""
        if isinstance(piece, Piece):
            read = usual_piece(piece, self._times) if self.usual else piece.messages()
            piece = pack(read) if isinstance(read, UsualPiece) else read
        left = len(piece.whole) if isinstance(piece, UsualPiece) else len(piece)
        self._whole_events += left
        self.usual_events += len(piece) - left
        if not isinstance(piece, UsualPiece):
            self.add_prepared(self._prepare_whole(piece))
        elif (before := self._merger.add(piece)) is not None:
            self._parts.append(self._prepare_usual(before))

    def add_prepared(self, part: PreparedBatch) -> None:
        """Add events that are prepared already."""
        self._flush()
        self._parts.append(part)

    def taken(self) -> PreparedBatch | None:
        """Return what was added since the last call as one batch; ``None`` if nothing was."""
        self._flush()
        parts, self._parts = self._parts, []
        if self.usual_events or self._whole_events:
            self.mostly_usual = self.usual_events >= self._whole_events
            self.usual_events = self._whole_events = 0
        return joined(parts) if parts else None

    def _flush(self) -> None:
        if (usual := self._merger.take()) is not None:
            self._parts.append(self._prepare_usual(usual))

    def _prepare_whole(self, messages: Sequence[Message]) -> PreparedBatch:
        events = events_in(messages, self._ways.mappings, self._ways.decode)
        return prepare_events(self._topic, self._key, events, self._ways.values_of)

    def _prepare_usual(self, piece: UsualPiece) -> PreparedBatch:
        count, events = len(piece), piece.events
        columns = Columns(
            tokens=piece.tokens, ids=events.ids, times=events.times, published=piece.published,
            correlations=events.correlations, causations=events.causations, sizes=piece.sizes,
            flags=[0] * count, schemas=[""] * count, originals=[""] * count,
        )  # fmt: skip
        read = Read(
            columns=columns,
            types=events.types,
            aggregates=list(events.aggregates),
            sequences={place: (sequence, source_key(source)) for place, (sequence, source) in events.sequences.items()},
            last=Position(topic=piece.topic, partition=piece.partition, token=piece.tokens[-1]),
            published=EPOCH + timedelta(microseconds=piece.published[-1]),
            incarnation=piece.incarnation,
        )
        if piece.whole:
            for name in TEXTS:
                setattr(columns, name, list(getattr(columns, name)))
            _fill(read, events.left, self._prepare_whole(piece.whole))
        return assemble(self._key, read)


def _fill(read: Read, places: Sequence[int], found: PreparedBatch) -> None:
    """Put these events at their places."""
    for name in _NAMES:
        column: Any = getattr(read.columns, name)
        for place, value in zip(places, getattr(found.columns, name), strict=True):
            column[place] = value
    types: Any = read.types
    for place, type, aggregate in zip(places, found.types, found.aggregates, strict=True):
        types[place], read.aggregates[place] = type, aggregate
    for name in ("unreadable", "schema_problems", "sequences", "values"):
        all = getattr(read, name) | {places[number]: value for number, value in getattr(found, name).items()}
        setattr(read, name, dict(sorted(all.items())))  # sequences are compared in order of place


def joined(parts: Sequence[PreparedBatch]) -> PreparedBatch:
    """Return consecutive batches as one."""
    if len(parts) == 1:
        return parts[0]
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    hours: dict[tuple[str, int], int] = {}
    for part in parts:
        for hour, count in part.hours.items():
            hours[hour] = hours.get(hour, 0) + count
    return PreparedBatch(
        columns=_columns([part.columns for part in parts]),
        types=list(chain.from_iterable(part.types for part in parts)),
        aggregates=list(chain.from_iterable(part.aggregates for part in parts)),
        aggregate_types=frozenset().union(*(part.aggregate_types for part in parts)),
        ids=np.concatenate([part.ids for part in parts]),
        links=np.concatenate([part.links for part in parts]),
        linked=np.concatenate([part.linked + np.uint64(start) for part, start in zip(parts, starts, strict=False)]),
        hours=hours,
        unreadable=_moved(parts, starts, lambda part: part.unreadable),
        schema_problems=_moved(parts, starts, lambda part: part.schema_problems),
        sequences=_moved(parts, starts, lambda part: part.sequences),
        values=_moved(parts, starts, lambda part: part.values),
        last=parts[-1].last,
        published=next((part.published for part in reversed(parts) if part.published is not None), None),
        incarnation=parts[-1].incarnation,
    )


def _columns(parts: Sequence[Columns]) -> Columns:
    names = [name for name in ("tokens", "published", *_NAMES) if name not in TEXTS]
    found: dict[str, Any] = {name: list(chain.from_iterable(getattr(part, name) for part in parts)) for name in names}
    found |= {name: together([getattr(part, name) for part in parts]) for name in TEXTS}
    return Columns(**found)


def _moved(
    parts: Iterable[PreparedBatch], starts: Sequence[int], of: Callable[[PreparedBatch], Mapping[int, Any]]
) -> dict[int, Any]:
    return {start + place: value for part, start in zip(parts, starts, strict=False) for place, value in of(part).items()}
