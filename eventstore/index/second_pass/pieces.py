"""One piece of the second pass: some blocks of a partition get the values that are declared now, in one transaction.

The log is read before the transaction. Under the lock on the partition's row, the blocks are read again, so that an indexer,
a forgetting and another pass may go on meanwhile: what this one has no word on stays as it is. The row says how far it is, and
is written with the blocks and their keys. So a piece that is killed has changed nothing, and one done twice does nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import F, QuerySet

from eventstore.config.searchable_values import ValuesOf
from eventstore.forgotten.memory import Forgotten
from eventstore.index.lookup.pointers import named_streams
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.second_pass.rereading import AnotherLog, Rereader
from eventstore.index.tables import declared
from eventstore.index.tables.blocks import FULL, UNREADABLE, Columns, Values, opened, with_values
from eventstore.index.tables.database import atomic
from eventstore.index.tables.declared import Declaration
from eventstore.index.tables.keys import Key, value_hash
from eventstore.index.tables.names import Names
from eventstore.index.tables.secret import index_key
from eventstore.index.writing.guarding import indexable
from eventstore.index.writing.partition import CheckpointMoved
from eventstore.index.writing.prepared_batch import Stored, microseconds
from eventstore.index.writing.value_keys import ValueKey, delete_value_keys, insert_value_keys
from eventstore.model.errors import NOT_THE_MESSAGE
from eventstore.model.events import Event, Message, Topic

BLOCKS = 20
"""Blocks in one transaction: some 30 milliseconds on SQLite, while which its other writers wait."""

NewValues = Mapping[int, Sequence[Stored] | None]
"""By ordinal, the values that an event has now; ``None`` for one that the store no longer has."""


@dataclass(kw_only=True, slots=True)
class Passed:
    """A partition row that is passed over. ``reader``: its log; ``None`` if that cannot be read, now or ever again. Its events
    only lose values then, and are noted as what they are: if the log comes back, they are passed over again."""

    topic: Topic
    id: int
    epoch: int
    incarnation: str
    declaration: Declaration
    values_of: ValuesOf | None
    events_in: Callable[[Sequence[Message]], list[Event]]
    reader: Rereader | None
    key: Key = field(default_factory=index_key)
    names: Names = field(default_factory=Names)
    forgotten: Forgotten = field(default_factory=Forgotten)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """The events from ``start`` to ``end``, the latter excluded, which have the values of another declaration so far.

    ``bare``: they cannot have any, and get none.
    """

    start: int
    end: int
    of: str
    bare: bool


def pass_piece(work: Passed) -> int | None:
    """Give the next events of the partition their values; return how many they were, ``None`` if there are none left.

    Raises ``CheckpointMoved`` if the row is no longer the one that was to be passed over, ``AnotherLog`` if the store has
    another log by now, and what reading raises.
    """
    row = _row(work, IndexedPartition.objects.all())
    piece = _next_piece(row, work)
    if piece is None:
        return None
    values = {} if piece.bare else _values(work, piece, _columns(work.id, piece))
    try:
        with atomic():
            _write(work, piece, values)
    except BaseException:
        work.names.forget()
        raise
    return piece.end - piece.start


def _row(work: Passed, rows: QuerySet[IndexedPartition]) -> IndexedPartition:
    row = rows.filter(pk=work.id).first()
    if row is None or row.epoch != work.epoch or not row.live:
        raise CheckpointMoved("This partition has another indexer by now, or was rebuilt.")
    return row


def _next_piece(row: IndexedPartition, work: Passed) -> _Piece | None:
    has_log = work.reader is not None
    others = declared.to_pass(row.declared, row.next_ordinal, work.declaration, has_log=has_log)
    if not others:
        return None
    start, behind, of = others[0]
    if work.topic.derived and not work.declaration.definitions:  # copies never had any
        return _Piece(start=start, end=behind, of=of, bare=True)
    return _Piece(start=start, end=min(behind, (start // FULL + BLOCKS) * FULL), of=of, bare=False)


def _columns(partition: int, piece: _Piece) -> Mapping[int, Columns]:
    """Return the piece's blocks by first ordinal, and the one before it."""
    first = piece.start - piece.start % FULL
    rows = BlockRow.objects.filter(partition_id=partition, first_ordinal__gte=first - FULL, first_ordinal__lt=piece.end)
    return {first: opened(bytes(data)) for first, data in rows.values_list("first_ordinal", "data")}


def _values(work: Passed, piece: _Piece, columns: Mapping[int, Columns]) -> NewValues:
    """Return the values that each event of the piece has now."""
    ordinals = range(piece.start, piece.end)
    if not work.declaration.definitions or work.values_of is None:
        return dict.fromkeys(ordinals, ())
    if work.reader is None:
        return dict.fromkeys(ordinals)
    tokens = [_at(columns, ordinal).tokens[ordinal % FULL] for ordinal in ordinals]
    before = _at(columns, piece.start - 1).tokens[(piece.start - 1) % FULL] if piece.start else ""
    found = work.reader.messages(before, tokens)
    messages = {ordinal: found[token] for ordinal, token in zip(ordinals, tokens, strict=True) if token in found}
    for ordinal, message in messages.items():
        _require_same(work, _at(columns, ordinal), ordinal % FULL, message)
    readable = [ordinal for ordinal in messages if not _at(columns, ordinal).flags[ordinal % FULL] & UNREADABLE]
    given = _given(work, [messages[ordinal] for ordinal in readable])
    return {**dict.fromkeys(ordinals), **dict.fromkeys(messages, ()), **dict(zip(readable, given, strict=True))}


def _at(columns: Mapping[int, Columns], ordinal: int) -> Columns:
    found = columns.get(ordinal - ordinal % FULL)
    if found is None or ordinal % FULL >= len(found):
        raise CheckpointMoved("Events of this partition are being removed.")
    return found


def _require_same(work: Passed, columns: Columns, place: int, message: Message) -> None:
    """Raise ``AnotherLog`` if another message lies where the indexed one was."""
    size = len(message.payload)
    sizes = {size, message.member.message_bytes if message.member else size}
    other = work.incarnation and message.incarnation and work.incarnation != message.incarnation
    if other or columns.published[place] != microseconds(message.published) or columns.sizes[place] not in sizes:
        raise AnotherLog(f"{work.topic.name} has other events than the indexed ones: it was made anew.")


def _given(work: Passed, messages: Sequence[Message]) -> Sequence[Sequence[Stored]]:
    """Return the values of each message. One on which that fails has none, as if it were indexed now."""
    assert work.values_of is not None
    events = work.events_in(messages)
    try:
        return work.values_of(work.topic, events)
    except NOT_THE_MESSAGE:
        raise
    except Exception:  # noqa: BLE001 -- each event is tried again, and the one that fails is reported
        return work.values_of(work.topic, indexable(work.topic, work.key, events, work.values_of))


def _write(work: Passed, piece: _Piece, values: NewValues) -> None:
    """Write the piece in the open transaction, unless somebody else has written it meanwhile."""
    row = _row(work, IndexedPartition.objects.select_for_update())
    now = _next_piece(row, work)
    if now is None or (now.start, now.of) != (piece.start, piece.of) or now.end < piece.end:
        return
    then = declared.definitions_of({piece.of}).get(piece.of)
    left = declared.remaining(then, work.declaration)
    if not piece.bare:
        _write_blocks(work, piece, values, left)
    given = work.declaration if work.reader is not None else left
    text = declared.passed(row.declared, piece.start, piece.end, given.fingerprint, row.next_ordinal)
    declared.remember(given)
    IndexedPartition.objects.filter(pk=work.id).update(declared=text, rewritten=F("rewritten") + 1)


def _write_blocks(work: Passed, piece: _Piece, values: NewValues, left: Declaration) -> None:
    """Write the piece's blocks and their keys."""
    first = piece.start - piece.start % FULL
    rows = BlockRow.objects.filter(partition_id=work.id, first_ordinal__gte=first, first_ordinal__lt=piece.end)
    blocks = list(rows.order_by("first_ordinal"))
    wanted = _numbered(work, _allowed(work, blocks, values), left)
    removed: list[ValueKey] = []
    before = _segment_before(work.id, first)
    for block in blocks:
        removed += _write_block(work, block, before, wanted)
        before = block.segment
    delete_value_keys(removed)


def _allowed(work: Passed, blocks: Sequence[BlockRow], values: NewValues) -> NewValues:
    """Return the values without those of aggregates that are forgotten by now: asked under the lock, as a writer does."""
    keys: dict[int, tuple[str, str]] = {}

    def of_those_with_values() -> Iterator[tuple[str, str]]:
        streams = {
            block.first_ordinal + place: stream
            for block in blocks
            for place, stream in enumerate(opened(bytes(block.data)).streams)
            if values.get(block.first_ordinal + place)
        }
        aggregates = _aggregates(work.names, set(streams.values()))
        keys.update({ordinal: aggregates[stream] for ordinal, stream in streams.items() if stream in aggregates})
        yield from keys.values()

    forgotten = work.forgotten.among(of_those_with_values())
    return {ordinal: () if keys.get(ordinal) in forgotten else found for ordinal, found in values.items()}


def _aggregates(names: Names, streams: set[int]) -> Mapping[int, tuple[str, str]]:
    found = named_streams(frozenset(streams))
    texts = names.texts_of({type for type, _ in found.values()})
    return {id: (texts[type], aggregate_id) for id, (type, aggregate_id) in found.items()}


def _numbered(work: Passed, values: NewValues, left: Declaration) -> Mapping[int, Callable[[Values], Values]]:
    """Return, by ordinal, what makes an event's new values of those that it has, with the names as numbers.

    One that the store no longer has keeps what is ``left``.
    """
    names = {name for found in values.values() for name, _ in found or ()}
    numbers = work.names.numbers_of(names | set(left.definitions))
    same = {numbers[name] for name in left.definitions}

    def given(found: Sequence[Stored]) -> Callable[[Values], Values]:
        new = [(numbers[name], text) for name, text in found]
        return lambda old: new

    def kept(old: Values) -> Values:
        return [value for value in old if value[0] in same]

    return {ordinal: kept if found is None else given(found) for ordinal, found in values.items()}


def _write_block(
    work: Passed, block: BlockRow, before: int, wanted: Mapping[int, Callable[[Values], Values]]
) -> list[ValueKey]:
    """Write one block and its new keys, if anything changes; return the keys that go. ``before``: the segment before it."""
    data, first = bytes(block.data), block.first_ordinal
    old = opened(data).values
    new = dict(old)
    for place in range(FULL):
        if first + place in wanted:
            new.pop(place, None)
            if found := wanted[first + place](old.get(place, [])):
                new[place] = found
    if new == old:
        return []
    BlockRow.objects.filter(partition_id=work.id, first_ordinal=first).update(data=with_values(data, new))
    gone: list[ValueKey] = []
    added: list[tuple[int, int]] = []
    for place in sorted(old.keys() | new.keys()):
        there = {value_hash(work.key, *value) for value in old.get(place, ())}
        here = {value_hash(work.key, *value) for value in new.get(place, ())}
        gone += [ValueKey(before, block.segment, hash, work.id, first + place) for hash in there - here]
        added += [(hash, place) for hash in here - there]
    insert_value_keys(block.segment, work.id, first, added)
    return gone


def _segment_before(partition: int, first: int) -> int:
    rows = BlockRow.objects.filter(partition_id=partition, first_ordinal=first - FULL)
    return rows.values_list("segment", flat=True).first() or 0
