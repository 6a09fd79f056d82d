"""The quick way from messages to a prepared batch gives exactly what the careful way gives, whatever the messages hold."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pulsar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.config.loading import parse_config
from eventstore.config.searchable_values import SearchableTable, compile_searchables, values_by
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.pieces import Gathering
from eventstore.drivers.unfolding.members import unfold
from eventstore.drivers.unfolding.reader import UnfoldedReader
from eventstore.envelope.times import parse_time
from eventstore.envelope.usual import UsualPiece, UsualTimes, usual_piece
from eventstore.index.processes.frames import Found, Reply, content_of, decode_reply, encode, found_usual
from eventstore.index.tables.blocks import Columns
from eventstore.index.tables.keys import key_of
from eventstore.index.tables.usual import pack
from eventstore.index.writing.drafting import TRY_AGAIN, Drafter, Ways, joined
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.prepared_batch import PreparedBatch, microseconds
from eventstore.model.events import Message, SchemaUse, Topic, TopicKind
from eventstore.model.pieces import MOST_IN_A_PIECE, Piece, Pieces, pieces_of
from eventstore.model.schema_registry import Decoded
from tests.unit.drivers.raw_objects import Id, RawObject

TOPIC, KEY = Topic(name="public/default/documents"), key_of(b"0123456789abcdef")
NINE = 1_714_554_000_000
UUID = "6f1c9d2a-8f0e-4a53-9a55-0c7d3c1f6b{:02x}"
USUAL = {
    "ce_id": UUID.format(1), "ce_type": "document.read", "ce_source": "/documents", "ce_specversion": "1.0",
    "ce_time": "2024-05-01T09:00:00.123Z", "ce_aggregatetype": "document", "ce_correlationid": UUID.format(2),
}  # fmt: skip


class Client:
    """A reader over messages as the client holds them."""

    incarnation = "2024-05-01"

    def __init__(self, raws: Sequence[Any], after: str = "") -> None:
        self._raws = iter(raws)
        self.messages = Messages(TOPIC.name, 0, lambda ledger: f"since {ledger}", every_ledger=True)
        self.after = after

    def read_next(self, patience: int) -> Any:
        for raw in self._raws:
            return raw
        raise pulsar.Timeout

    def pieces(self, *, limit: int, timeout: float) -> Pieces:
        gathering = Gathering(self.read_next, self.messages, self.after, limit=limit, until=0.0, again=0.0)
        while (piece := gathering.next()) is not None:
            self.after = gathering.after
            yield piece
        assert gathering.error is None

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        found: list[Message] = []
        while len(found) < limit and (raw := next(self._raws, None)) is not None:
            if (message := self.messages.of(raw)).position.token > self.after:
                found.append(message)
                self.after = message.position.token
        return found

    call_on_news = close = __enter__ = __exit__ = lambda self, *given: None


def sent(piece: Piece | Sequence[Message]) -> UsualPiece | Sequence[Message]:
    """Return the piece as it comes from a reading process."""
    read = usual_piece(piece, UsualTimes()) if isinstance(piece, Piece) else list(piece)
    found = found_usual(pack(read)) if isinstance(read, UsualPiece) else Found(None, read)
    return content_of(decode_reply(encode(Reply(1, [found]))).found[0])


def quick(
    raws: Sequence[Any], ways: Ways, topic: Topic, limits: Sequence[int] = (100_000,), elsewhere: bool = False
) -> list[PreparedBatch]:
    """Return the batches of reads of at most so many events each, the last limit again and again.

    ``elsewhere``: as if another process had read them.
    """
    drafter = Drafter(topic, KEY, ways)
    reader: Any = UnfoldedReader(Client(raws))  # type: ignore[arg-type]
    found: list[PreparedBatch] = []
    for limit in _repeating(limits):
        whole = not (elsewhere or drafter.wants_pieces())
        read = reader.read(limit=limit, timeout=0.0) if whole else ()
        for piece in filter(None, [read]) if whole else pieces_of(reader, limit=limit, timeout=0.0):
            drafter.add(sent(piece) if elsewhere and drafter.usual else piece)
        prepared = drafter.taken()
        if prepared is None:
            return found
        found.append(prepared)
        assert len(found[-1]) <= limit
    raise AssertionError


def _repeating(limits: Sequence[int]) -> Iterator[int]:
    yield from limits
    while True:
        yield limits[-1]


def careful(raws: Sequence[Any], ways: Ways, topic: Topic) -> PreparedBatch | None:
    messages = Messages(TOPIC.name, 0, lambda ledger: f"since {ledger}", every_ledger=True)
    found: list[Message] = []
    for raw in raws:
        message = messages.of(raw)
        if not found or message.position > found[-1].position:
            found.append(message)
    unfolded = list(unfold(found))
    events = events_in(unfolded, ways.mappings, ways.decode)
    return prepare_events(topic, KEY, events, ways.values_of) if events else None


def all_of(prepared: PreparedBatch) -> dict[str, Any]:
    """Return every field in a form that can be compared."""
    columns: dict[str, Any] = {name: getattr(prepared.columns, name) for name in Columns.__struct_fields__}
    columns = {name: value if name == "values" else list(value) for name, value in columns.items()}
    links = sorted(zip(prepared.links.tolist(), prepared.linked.tolist(), strict=True))
    rest = {name: getattr(prepared, name) for name in PreparedBatch.__slots__ if name not in ("columns", "links", "linked")}
    return {**rest, "columns": columns, "links": links, "ids": prepared.ids.tolist(), "hours": dict(prepared.hours),
            "types": list(prepared.types), "order": list(prepared.sequences)}  # fmt: skip


def decoded(message: Message) -> Decoded:
    use = SchemaUse(
        kind="Avro", version=message.schema_version, problem="it is cut off" if message.payload[:1] == b"a" else ""
    )
    return Decoded(message.payload, use, message.key)


PLAIN = Ways(mappings=(), decode=decoded, values_of=None)
MAPPED = Ways(
    mappings=parse_config('[[mapping]]\ntopics = ["*"]\ntype = {from = "json", path = "kind"}', "desk.toml").mappings,
    decode=decoded, values_of=None,
)  # fmt: skip
FOUND = compile_searchables([SearchableTable(topics=("documents",), name="email", path="email", hashed=False)])
SEARCHED = Ways(mappings=(), decode=decoded, values_of=values_by(FOUND, ""))
SEARCHED_ELSEWHERE = Ways(
    mappings=(), decode=decoded, values_of=values_by(compile_searchables([
        SearchableTable(topics=("patients",), name="email", path="email", hashed=False)]), ""))  # fmt: skip
COPIES = Topic(name=TOPIC.name, kind=TopicKind.RETRY)

texts = st.one_of(
    st.sampled_from(
        ["", "a", "document", "1.0", "ünï 🩺", "x" * 300, "x" * 1025, "🩺" * 200, "nul\0", "\u202e", "7", "{",
         '{"schema":0,"payload":7}', "\ufffd", "null", '"quoted"', UUID.format(3), UUID.format(4), UUID.format(5).upper()]),
    st.text(max_size=8),
)  # fmt: skip
times = st.one_of(
    st.sampled_from(
        ["2024-05-01T09:00:00.123Z", "2024-05-01T09:00:59.999Z", "2024-05-01T09:00:60.000Z", "2024-05-01T09:00:00Z",
         "2024-05-01t09:00:00.123z", "2024-05-01T09:00:00.123456Z", "2024-05-01T23:59:60Z", "9999-05-01T09:00:00.123Z",
         "0001-05-01T09:00:00.123Z", "2024-05-01T09:00:00.123+02:00", "2024-05-01 09:00:00", "2024-13-01T09:00:00.123Z",
         "2024-05-01T09:00:00,123Z", "2024-05-01T09:00:0\u0663.123Z", "2024-05-01T09:00:00.12\u0663Z", "1714554000000"]),
    texts,
)  # fmt: skip
names = ["ce_id", "ce_type", "ce_source", "ce_specversion", "ce_aggregateid", "ce_aggregatetype", "ce_correlation_id",
         "ce_causationid", "ce_causation_id", "ce_sequence", "ce_subject", "ce-id", "CE_ID", "cloudEvents_id", "Ce_Type",
         "content-type", "content-encoding", "spring_json_header_types", "replayof", "ORIGIN_MESSAGE_ID"]  # fmt: skip
changes = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(names), texts, max_size=4),
    st.builds(lambda text: {"ce_time": text}, times),
)
properties = st.builds(
    lambda changed, left_out: {name: text for name, text in (USUAL | changed).items() if name not in left_out},
    changes, st.one_of(st.just([]), st.lists(st.sampled_from(list(USUAL)), max_size=3)),
)  # fmt: skip
payloads = st.sampled_from(
    [b"{}", b"", b"x", b"a", b'{"email":"a@example.org","kind":"k"}', b" {}", b"[]", b"\x1f\x8b", b"\xef\xbb\xbf{}", b"\0",
     b'[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"2","source":"/s","type":"t"}]',
     b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}'])  # fmt: skip


def fails() -> Any:
    return b"\xff".decode()


def gone() -> Any:
    raise RuntimeError("the client fails")


class Encryption:
    is_decryption_failed = staticmethod(lambda: True)
    batch_size = staticmethod(lambda: 3)


parts = st.fixed_dictionaries(
    {"properties": st.one_of(properties, properties, properties, st.just(fails), st.just({}),
                             st.just({"content-type": "application/cloudevents-batch+json"})),
     "data": payloads, "partition_key": st.one_of(texts, st.just(fails), st.just(gone)),
     "ordering_key": st.one_of(st.just(""), texts), "event_timestamp": st.sampled_from([0, NINE, 2**63])},
)  # fmt: skip
of_entry = st.fixed_dictionaries(
    {"publish_timestamp": st.sampled_from([NINE, NINE, NINE, NINE + 1, 0, 2**64 - 5, gone]),
     "int_schema_version": st.sampled_from([-1, -1, -1, 0, 3]), "schema_version": st.sampled_from(["\0" * 8, "x"]),
     "encryption_context": st.sampled_from([None, None, None, Encryption()])},
)  # fmt: skip
entries = st.lists(st.tuples(of_entry, st.booleans(), st.lists(parts, min_size=1, max_size=5), st.integers(0, 1)), max_size=6)


def as_raws(found: Any) -> list[RawObject]:
    """Return the messages of these entries, each entry behind the one before, now and then in another ledger."""
    raws: list[RawObject] = []
    ledger, entry = 7, 0
    for whole, batched, inside, more in found:
        ledger, entry = ledger + more, 0 if more else entry
        for place, own in enumerate(inside):
            raws.append(RawObject(id=Id(ledger, entry, place if batched else -1), **{**whole, **own}))
            entry += not batched
        entry += 1
    return raws


@given(entries, st.sampled_from([PLAIN, PLAIN, MAPPED, SEARCHED, SEARCHED_ELSEWHERE]), st.sampled_from([TOPIC, TOPIC, COPIES]))
@settings(max_examples=150, deadline=None)
def test_both_ways_give_the_same_in_every_field(found: Any, ways: Ways, topic: Topic) -> None:
    raws = as_raws(found)
    expected = careful(raws, ways, topic)
    batches = quick(raws, ways, topic)
    assert [all_of(one) for one in batches] == ([all_of(expected)] if expected else [])


@given(entries)
@settings(max_examples=60, deadline=None)
def test_what_another_process_has_read_gives_the_same(found: Any) -> None:
    raws = as_raws(found)
    expected = careful(raws, PLAIN, TOPIC)
    assert [all_of(one) for one in quick(raws, PLAIN, TOPIC, elsewhere=True)] == ([all_of(expected)] if expected else [])


@given(entries, st.lists(st.integers(1, 5), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_reads_of_any_size_give_the_same_events_one_after_the_other(found: Any, limits: Sequence[int]) -> None:
    raws = as_raws(found)
    expected, batches = careful(raws, PLAIN, TOPIC), quick(raws, PLAIN, TOPIC, limits)
    assert [all_of(joined(batches))] == [all_of(expected)] if expected else not batches


@pytest.mark.soak
@given(entries, st.sampled_from([PLAIN, MAPPED, SEARCHED]), st.sampled_from([TOPIC, COPIES]))
@settings(max_examples=20_000, deadline=None)
def test_both_ways_give_the_same_at_length(found: Any, ways: Ways, topic: Topic) -> None:
    raws = as_raws(found)
    expected = careful(raws, ways, topic)
    for elsewhere in (False, True):
        batches = quick(raws, ways, topic, elsewhere=elsewhere)
        assert [all_of(one) for one in batches] == ([all_of(expected)] if expected else [])


@given(st.lists(times, max_size=5))
def test_a_time_is_read_as_everywhere_else(written: Sequence[str]) -> None:
    usual = UsualTimes()
    for text in [*written, *written, *(text.replace("T09:00", "T09:01") for text in written)]:
        time = parse_time(text)
        assert usual.of(text) == (None if time is None else microseconds(time))


def test_usual_messages_come_in_pieces_and_one_unusual_one_does_not_change_that() -> None:
    raws = [RawObject(id=Id(7, 3, place), properties=USUAL | {"ce_id": f"e-{place}"}) for place in range(1_200)]
    raws[700] = RawObject(id=Id(7, 3, 700), properties={})
    client: Any = Client(raws)
    pieces = [*client.pieces(limit=5_000, timeout=0.0)]
    assert [len(piece) for piece in pieces] == [MOST_IN_A_PIECE] * (1_200 // MOST_IN_A_PIECE) + [1_200 % MOST_IN_A_PIECE]
    assert all(isinstance(piece, Piece) for piece in pieces)
    [batch] = quick(raws, PLAIN, TOPIC)
    assert list(batch.unreadable) == [700]
    assert all_of(batch) == all_of(careful(raws, PLAIN, TOPIC) or batch)


def test_events_that_need_a_closer_look_are_read_whole_until_usual_ones_come() -> None:
    drafter = Drafter(TOPIC, KEY, PLAIN)
    for properties, mostly_usual in (({}, False), (USUAL, True)):
        raws = [RawObject(id=Id(7, 3, place), properties=properties) for place in range(20)]
        for piece in Client(raws).pieces(limit=100, timeout=0.0):
            drafter.add(piece)
        assert drafter.taken() is not None
        assert drafter.mostly_usual is mostly_usual
        asked = [drafter.wants_pieces() for _ in range(2 * TRY_AGAIN)]
        assert sum(asked) == (len(asked) if mostly_usual else 2)
    assert not any(Drafter(TOPIC, KEY, SEARCHED).wants_pieces() for _ in range(TRY_AGAIN))


def test_what_comes_again_is_left_out() -> None:
    raws = [RawObject(id=Id(7, 3, place), properties=USUAL) for place in (0, 1, 2, 0, 1, 2, 3)]
    [batch] = quick(raws, PLAIN, TOPIC)
    assert len(batch) == 4
    assert np.array_equal(batch.ids, (careful(raws, PLAIN, TOPIC) or batch).ids)
