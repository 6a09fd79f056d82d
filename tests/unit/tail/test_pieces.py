"""What subscribers share: entries parsed once, rendered pieces, samples, and the buffer from which chunks are made."""

import gc
import threading
from collections.abc import Sequence
from itertools import pairwise

import pytest
from msgspec.structs import replace

from eventstore.envelope import read_event
from eventstore.model.events import Event, Message, SchemaUse
from eventstore.search import parse_filter
from eventstore.tail.budget import ROWS_A_SECOND
from eventstore.tail.filter_result import ROWS_A_SLICE, RingFilter, key_of, sample
from eventstore.tail.pieces import Chunk, Entry, EventParser, Piece, ask_for_schemas
from eventstore.tail.reading import read_buffer
from eventstore.tail.reading.read_buffer import FULL_BYTES, FULL_EVENTS, ReadBuffer
from tests.unit.tail.entries import PARSER, entries, message, numbers_of


def chunk_of(count: int, *, sealed: float = 0.0) -> Chunk:
    return Chunk(entries(range(count)), sealed=sealed, grow=lambda chunk, amount: None)


def run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_entry_is_parsed_when_it_is_asked_for_and_once_for_all_threads() -> None:
    parsed: list[Event] = []

    def read(read: Message) -> Event:
        parsed.append(PARSER.read(read))
        return parsed[-1]

    entry, found = Entry(message(1), EventParser(read)), []
    assert not parsed
    threads = [threading.Thread(target=lambda: found.append(entry.event)) for _ in range(8)]
    run(threads)
    assert len(parsed) == 1
    assert all(event is parsed[0] for event in found)


def test_the_collector_of_cycles_does_not_look_at_what_a_ring_keeps_of_an_event() -> None:
    """With tens of thousands of events it would take a tenth of a second each time, in which no frame is sent."""
    properties = {"ce_id": "1", "ce_type": "t", "ce_source": "s", "ce_specversion": "1.0"}
    entry = Entry(replace(message(1), properties=properties), EventParser(read_event))
    assert entry.event.id == "1"
    kept = [entry, entry.event, entry.event.attributes, entry.message, entry.message.position]
    assert [type(each).__name__ for each in kept if gc.is_tracked(each)] == []


@pytest.mark.parametrize("kind", ["Avro", ""])
def test_the_registry_is_asked_ahead_and_no_lock_is_held_meanwhile(kind: str) -> None:
    """Once for a schema that it knows. If it does not tell, for each event, so that no other thread has to wait for it."""
    parsed: list[str] = []

    def read(read: Message) -> Event:
        assert not reading.lock.locked()
        parsed.append(read.position.token)
        use = SchemaUse(kind=kind, version=read.schema_version, problem="" if kind else "it does not answer")
        return replace(PARSER.read(read), schema=use if read.schema_version else None)

    reading = EventParser(read)
    versions = ["", "1", "1", "2", "1", ""]
    found = [Entry(replace(message(number), schema_version=version), reading) for number, version in enumerate(versions)]
    ask_for_schemas(found)
    assert parsed == (["000001", "000003"] if kind else ["000001", "000002", "000003", "000004"])
    assert found[1].event is found[1].event
    assert len(parsed) == len(set(parsed))


def test_a_filter_that_reads_like_an_aggregates_is_another() -> None:
    alike = [
        parse_filter('aggregate ["patient", "4711"] type:t1'),
        parse_filter("type:t1").of_aggregate("patient", "4711"),
        parse_filter("type:t1").of_aggregate("patient", "4712"),
        parse_filter("type:t1").of_aggregate("patient", "4712").of_aggregate("patient", "4711"),
        parse_filter("type:t1"),
        parse_filter("").of_aggregate("patient", "4711"),
    ]
    assert len({key_of(filter) for filter in [*alike, None]}) == len(alike) + 1
    assert key_of(alike[1]) == key_of(parse_filter("type:t1").of_aggregate("patient", "4711"))


def test_what_is_made_of_a_piece_is_made_once_for_each_key() -> None:
    piece, made, texts = Piece(entries([1, 2])), [], []

    def make(given: Sequence[Entry]) -> str:
        made.append(numbers_of(given))
        return f"text {len(made)}"

    threads = [threading.Thread(target=lambda: texts.append(piece.made("masked", make))) for _ in range(8)]
    run(threads)
    assert (made, set(texts)) == ([[1, 2]], {"text 1"})
    assert piece.made("open", make) == "text 2"


def test_what_could_not_be_made_is_tried_again() -> None:
    piece = Piece(entries([1]))
    with pytest.raises(ZeroDivisionError):
        piece.made("text", lambda given: 1 // 0)
    assert piece.made("text", lambda given: 7) == 7


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 777, 1_000])
def test_a_sample_is_spread_evenly_and_has_the_newest(count: int) -> None:
    chosen = list(sample(count, 50))
    assert len(chosen) == min(count, 50)
    assert chosen == sorted(set(chosen))
    assert not count or chosen[-1] == count - 1
    steps = [after - before for before, after in pairwise([-1, *chosen])]
    assert not steps or max(steps) - min(steps) <= 1


@pytest.mark.parametrize("count", [1, 99, 100, 101, 450, 2_000])
@pytest.mark.parametrize("text", ["", "type:t1", "type:none"])
def test_a_pages_slices_stand_for_the_whole_chunk_each_event_once(count: int, text: str) -> None:
    chunk, wanted = chunk_of(count), parse_filter(text)
    result = RingFilter(wanted, 500, 0).result_of(chunk, live=True)
    if not result.matched:
        assert not result.slices, "nothing is kept of what nobody is given"
        return
    assert [part.start for part in result.slices] == [0, *(part.end for part in result.slices[:-1])]
    assert result.slices[-1].end == count
    assert sum(part.matched for part in result.slices) == result.matched
    for part in result.slices:
        matching = [entry for entry in chunk.entries[part.start : part.end] if wanted.matches(entry.event)]
        assert part.matched == len(matching)
        assert len(part.piece.entries) <= ROWS_A_SLICE
        assert set(numbers_of(part.piece.entries)) <= set(numbers_of(matching))
        assert part is result.slices[-1] or part.piece.entries[-1] is chunk.entries[part.end - 1]
    assert sum(len(part.piece.entries) for part in result.slices) == min(500, result.matched)


def test_a_burst_is_shown_whole_and_a_flood_at_the_rate_of_rows() -> None:
    ring_filter = RingFilter(None, ROWS_A_SECOND, 0)
    results = [ring_filter.result_of(chunk_of(400, sealed=1_000 + beat / 10), live=True) for beat in range(21)]
    rows = [sum(len(part.piece.entries) for part in result.slices) for result in results]
    assert rows[0] == 400
    assert sum(rows) == pytest.approx(500 + 20 * 50, abs=2)
    assert min(rows) >= 49
    later = ring_filter.result_of(chunk_of(400, sealed=1_010), live=True)
    assert sum(len(part.piece.entries) for part in later.slices) == 400


def test_no_event_is_parsed_where_every_event_is_wanted() -> None:
    def never(message: Message) -> Event:
        raise AssertionError("parsed")

    chunk = Chunk([Entry(message(1), EventParser(never))], sealed=0.0, grow=lambda chunk, amount: None)
    for rate in (None, 500):
        assert RingFilter(parse_filter(""), rate, 0).result_of(chunk).matched == 1


def test_what_is_read_is_sealed_in_chunks_that_are_full_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_buffer, "MOST_FULL", 100)
    batch = ReadBuffer({0: ""})
    small = [message(number) for number in range(2 * FULL_EVENTS + 5)]
    huge = [message(9_000, size=3 * FULL_BYTES), message(9_001), message(9_002, size=FULL_BYTES - 20), message(9_003)]
    batch.add([*small, *huge])
    chunks = batch.sealed()
    found = [next(chunks) for _ in range(5)]
    assert [len(chunk) for chunk in found] == [FULL_EVENTS, FULL_EVENTS, 5, 1, 3]
    assert [one for chunk in found for one in chunk] == [*small, *huge]
    batch.close()
    assert next(chunks, None) is None


def test_readers_wait_while_far_too_much_is_on_its_way_and_go_on_behind_it() -> None:
    batch = ReadBuffer({0: ""})
    some = [message(number) for number in range(FULL_EVENTS)]
    for _ in range(read_buffer.MOST_FULL):
        batch.add(some)
    reader = threading.Thread(target=batch.add, args=([message(9_999)],))
    reader.start()
    reader.join(timeout=0.05)
    assert reader.is_alive()
    assert batch.handed_in() == (read_buffer.MOST_FULL * FULL_EVENTS, {0: "000999"})
    chunks = batch.sealed()
    next(chunks)
    reader.join(timeout=20)
    assert batch.handed_in() == (read_buffer.MOST_FULL * FULL_EVENTS + 1, {0: "009999"})
    batch.close()


class Counting:
    """Accounts for a piece's memory."""

    def __init__(self) -> None:
        self.bytes = 0

    def grow(self, amount: int) -> None:
        self.bytes += amount


@pytest.mark.parametrize(("character", "bytes_each"), [("x", 1), ("ü", 1), ("ш", 2), ("🙂", 4)])
def test_what_is_made_counts_as_the_memory_that_it_takes(character: str, bytes_each: int) -> None:
    """All characters of a text take as much as its widest one."""
    holder = Counting()
    text = character + "x" * 9_999
    Piece(entries([1]), holder).made("text", lambda given: (1, ((text, 10_000, 1),)))
    assert 10_000 * bytes_each <= holder.bytes < 10_000 * bytes_each + 200


def test_a_chunk_counts_its_keys_and_properties_as_the_memory_that_they_take() -> None:
    def size(key: str, value: str) -> int:
        changed = replace(message(1), key=key, properties={"p": value})
        return Chunk([Entry(changed, PARSER)], sealed=0.0, grow=lambda chunk, amount: None).size

    plain = size("k" * 1_000, "x" * 1_000)
    assert size("k" * 2_000, "x" * 1_000) == plain + 1_000
    assert size("🙂" * 1_000, "🙂" * 1_000) >= plain + 6_000
