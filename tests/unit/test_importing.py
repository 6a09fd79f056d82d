"""Files of events: which lines are good, why the others are not, and what an import writes."""

import gzip
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from eventstore.drivers.opening import open_storage
from eventstore.envelope import read_event
from eventstore.importing import MAX_LINE, Accepted, ImportSummary, Line, Rejected, import_messages, parse_lines
from eventstore.model.errors import InvalidMessage
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Log, LogCapabilities
from eventstore.samples.health import health_history
from tests.shared_data import permit_file
from tests.unit.messages import DOCUMENT, gzipped, json, lines, stored

EVENTS = list(health_history(1, 12, poison=True))


def parsed(content: bytes) -> list[Line]:
    return list(parse_lines(io.BytesIO(content)))


def rejected(content: bytes) -> list[tuple[int, str]]:
    return [(line.number, line.reason) for line in parsed(content) if isinstance(line, Rejected)]


def accepted(found: Iterable[Line]) -> list[Accepted]:
    return [line for line in found if isinstance(line, Accepted)]


def test_a_file_of_events_is_read_in_order() -> None:
    found = parsed(lines(*EVENTS))
    assert [line.id for line in accepted(found)] == [event["id"] for event in EVENTS]
    assert [line.number for line in found] == list(range(1, len(EVENTS) + 1))


def test_gzip_is_recognised_by_its_first_bytes() -> None:
    assert parsed(gzipped(lines(*EVENTS))) == parsed(lines(*EVENTS))


def test_gzip_in_several_members_is_one_file() -> None:
    assert parsed(gzipped(lines(*EVENTS[:3])) + gzipped(lines(*EVENTS[3:]))) == parsed(lines(*EVENTS))


@pytest.mark.parametrize("content", [b"", b"\n", b"\n \r\n\t\n", b"\xef\xbb\xbf", gzipped(b"")])
def test_a_file_without_events_has_none(content: bytes) -> None:
    assert parsed(content) == []


def test_blank_lines_are_skipped_and_counted_as_lines() -> None:
    assert [line.number for line in parsed(b"\n\n" + json(DOCUMENT) + b"\r\n\n" + json(DOCUMENT))] == [3, 5]


def test_a_byte_order_mark_and_a_last_line_without_an_end_do_no_harm() -> None:
    assert len(accepted(parsed(b"\xef\xbb\xbf" + json(DOCUMENT)))) == 1


def test_a_bad_line_is_rejected_with_its_number_and_reason_and_the_rest_goes_on() -> None:
    secret = b'{"specversion": "1.0", "secret": \xff'
    nobodys = DOCUMENT | {"aggregateid": None, "subject": None}
    content = lines(DOCUMENT, b"{", secret, b"[]", {}, DOCUMENT | {"id": "a\nb"}, nobodys, DOCUMENT | {"id": "2"})
    reasons = rejected(content)
    assert [number for number, _ in reasons] == [2, 3, 4, 5, 6, 7]
    said = [
        *("not valid JSON", "not valid JSON", "not a JSON object", "attribute id is missing"),
        *("its id holds control characters", "it has neither aggregateid nor subject"),
    ]
    assert all(part in reason for part, (_, reason) in zip(said, reasons, strict=True))
    assert not any("secret" in reason for _, reason in reasons)
    assert [line.id for line in accepted(parsed(content))] == ["e-1", "2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json(EVENTS), "The file is a JSON list. Write one event a line, for example with: jq -c '.[]'"),
        (b"\xef\xbb\xbf [\n" + b",\n".join(json(event) for event in EVENTS) + b"\n]\n", "The file is a JSON list."),
        (msgspec.json.format(json(EVENTS), indent=2), "The file is a JSON list."),
        (
            gzipped(msgspec.json.format(json(DOCUMENT), indent=2)),
            "The file's JSON takes several lines for an event. Write one",
        ),
        (b'{ "specversion": "1.0",\r\n\r\n  "id": "1" }\r\n', "The file's JSON takes several lines for an event."),
        (json(DOCUMENT).decode().encode("utf-16"), "The file is in UTF-16. Save it as UTF-8."),
    ],
)
def test_a_file_that_is_not_one_event_a_line_is_one_error_that_says_so(content: bytes, said: str) -> None:
    ((number, reason),) = rejected(content)
    assert (number, reason.startswith(said)) == (1, True)
    assert len(parsed(content)) == 1


def test_a_broken_first_line_before_good_ones_is_one_bad_line() -> None:
    found = parsed(lines(b'{"id":', DOCUMENT, DOCUMENT | {"id": "2"}))
    assert [line.number for line in found] == [1, 2, 3]
    assert [line.id for line in accepted(found)] == ["e-1", "2"]
    assert [line.number for line in parsed(b"{")] == [1]


def test_a_line_that_is_too_long_is_skipped_without_being_kept() -> None:
    long = json(DOCUMENT | {"data": "x" * MAX_LINE})
    assert rejected(lines(DOCUMENT, long, DOCUMENT)) == [(2, "The line is longer than 16 MB.")]
    assert rejected(long) == [(1, "The line is longer than 16 MB.")]


def test_a_line_that_is_just_short_enough_is_taken() -> None:
    short = json(DOCUMENT | {"data": ""})
    line = short.replace(b'"data":""', b'"data":"' + b"x" * (MAX_LINE - len(short)) + b'"')
    assert len(line) == MAX_LINE
    assert len(accepted(parsed(line + b"\n"))) == 1


class Endless:
    """A line that never ends, returned in pieces. Only their count is kept."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def read(self, size: int = -1, /) -> bytes:
        self.pieces -= 1
        return b"x" * min(size, 1024 * 1024) if self.pieces >= 0 else b""


def test_a_line_of_hundreds_of_megabytes_is_one_rejected_line() -> None:
    assert list(parse_lines(Endless(1200))) == [Rejected(number=1, reason="The line is longer than 16 MB.")]


def test_files_that_give_little_at_a_time_are_read_the_same() -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)

    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, chance.randint(1, 700)))

    for content in (lines(*EVENTS), gzipped(lines(*EVENTS))):
        assert list(parse_lines(Dripping(content))) == parsed(lines(*EVENTS)), f"seed {seed}"


def test_a_gzip_file_that_is_cut_off_gives_what_it_holds_and_says_so() -> None:
    whole = gzipped(lines(*EVENTS))
    for cut in (2, 9, 11, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        found = parsed(whole[:cut])
        last = found[-1]
        assert isinstance(last, Rejected), cut
        assert last.reason.startswith("The gzip file is cut off or damaged here")
        assert [line.id for line in accepted(found)] == [event["id"] for event in EVENTS[: len(found) - 1]]
        assert last.number == len(found)


def test_a_damaged_gzip_file_says_so() -> None:
    content = bytearray(gzip.compress(lines(*EVENTS), compresslevel=0))
    content[-6] ^= 0xFF
    assert rejected(bytes(content))[-1][1].startswith("The gzip file is cut off or damaged here")


def test_something_behind_a_gzip_file_is_damage_too() -> None:
    found = parsed(gzipped(lines(*EVENTS)) + b"junk")
    assert len(accepted(found)) == len(EVENTS)
    assert isinstance(found[-1], Rejected)


@pytest.mark.slow
@pytest.mark.permit
def test_every_line_of_the_permit_file_is_good_and_reads_back_as_it_was() -> None:
    with permit_file().open("rb") as file:
        found = accepted(parse_lines(file))
    documents = [msgspec.json.decode(line) for line in gzip.decompress(permit_file().read_bytes()).splitlines()]
    assert len(found) == len(documents) == 8577
    assert len({line.message.key for line in found}) == 1434
    for line, document in zip(found, documents, strict=True):
        event = read_event(stored(line.message))
        assert (event.problem, event.notes) == ("", ())
        assert msgspec.json.decode(event.data) == document.pop("data")
        assert event.attributes == {name: str(value) for name, value in document.items()}


class Differing:
    """The real embedded store's log with what a test replaces."""

    def __init__(self, log: Log, *, detects_known_ids: bool = True, refused: frozenset[str] = frozenset()) -> None:
        self.log = log
        self.refused = refused
        self.capabilities: LogCapabilities = replace(log.capabilities, detects_known_ids=detects_known_ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        if any(message.properties["ce_id"] in self.refused for message in messages):
            raise InvalidMessage("This message is too large for the store.")
        return self.log.append(topic, messages, expected_version=expected_version)


@pytest.fixture
def log(desk_databases: dict[str, str]) -> Log:
    log = open_storage("database://").log
    log.create_topic("health", partitions=2)
    return log


def import_file(log: Any, content: bytes, batch: int = 7) -> ImportSummary:
    return import_messages(log, log.topic("health").name, parse_lines(io.BytesIO(content)), batch=batch)


def stored_ids(log: Log) -> dict[str, list[str]]:
    """Return the event ids of every aggregate in the order of the store."""
    topic = log.topic("health")
    found: dict[str, list[str]] = {}
    for partition in range(topic.partitions):
        for message in log.read_forward(topic.name, partition, limit=10_000):
            event = read_event(message)
            found.setdefault(event.aggregate_id, []).append(event.id)
    return found


def expected_ids(events: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    expected: dict[str, list[str]] = {}
    for event in events:
        expected.setdefault(event["aggregateid"], []).append(event["id"])
    return expected


def test_an_import_writes_every_event_in_the_files_order(log: Log) -> None:
    summary = import_file(log, lines(*EVENTS))
    assert (summary.imported, summary.already_there, summary.rejected_count, summary.warnings) == (len(EVENTS), 0, 0, [])
    assert summary.aggregates == len(expected_ids(EVENTS))
    assert stored_ids(log) == expected_ids(EVENTS)


def test_an_import_run_twice_says_what_was_already_there(log: Log) -> None:
    import_file(log, lines(*EVENTS[:20]))
    summary = import_file(log, lines(*EVENTS))
    assert (summary.imported, summary.already_there) == (len(EVENTS) - 20, 20)
    assert stored_ids(log) == expected_ids(EVENTS)


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_an_event_that_comes_twice_in_a_file_goes_in_once(log: Log, batch: int) -> None:
    summary = import_file(log, lines(*EVENTS[:5], *EVENTS[:5]), batch=batch)
    assert (summary.imported, summary.already_there) == (5, 5)
    assert stored_ids(log) == expected_ids(EVENTS[:5])


def test_a_store_that_knows_no_ids_warns_when_its_topic_is_not_empty(log: Log) -> None:
    forgetful = Differing(log, detects_known_ids=False)
    assert import_file(forgetful, lines(*EVENTS[:5])).warnings == []
    summary = import_file(forgetful, lines(*EVENTS[:5]))
    assert (summary.imported, len(summary.warnings)) == (5, 1)
    assert "run twice" in summary.warnings[0]


def test_bad_lines_are_counted_and_the_rest_goes_in(log: Log) -> None:
    summary = import_file(log, lines(EVENTS[0], b"{", EVENTS[1], b"[]", b""))
    assert (summary.lines, summary.imported, summary.rejected_count) == (4, 2, 2)
    assert [line.number for line in summary.rejected] == [2, 4]


def test_a_message_that_the_store_refuses_is_one_rejected_line(log: Log) -> None:
    picky = Differing(log, refused=frozenset({EVENTS[2]["id"]}))
    summary = import_file(picky, lines(*EVENTS[:6], b"{"))
    assert (summary.imported, summary.rejected_count, summary.already_there) == (5, 2, 0)
    assert summary.rejected[0] == Rejected(number=3, reason="This message is too large for the store.")
    assert stored_ids(log) == expected_ids(event for event in EVENTS[:6] if event is not EVENTS[2])


def test_a_thousand_rejected_lines_are_kept_and_all_are_counted(log: Log) -> None:
    summary = import_file(log, b"{\n" * 2500, batch=500)
    assert (len(summary.rejected), summary.rejected_count) == (1000, 2500)


def test_progress_is_told_after_every_batch(log: Log) -> None:
    told: list[tuple[int, int]] = []
    import_messages(
        log,
        log.topic("health").name,
        parse_lines(io.BytesIO(lines(*EVENTS[:10]))),
        batch=4,
        on_progress=lambda summary: told.append((summary.lines, summary.imported)),
    )
    assert told == [(4, 4), (8, 8), (10, 10)]


def test_an_empty_file_imports_nothing(log: Log) -> None:
    assert import_file(log, b"") == ImportSummary()
