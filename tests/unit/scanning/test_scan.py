"""Searches that read a topic: what they find, what they report, how they end, and what they keep in memory."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.table_reads import TableReader
from eventstore.envelope import read_event
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.errors import StoreUnreachable, TooManySearches
from eventstore.model.events import Event, Message, NewMessage, Topic
from eventstore.scanning import partition_reader
from eventstore.scanning.progress import Ending, ScanProgress, ScanState
from eventstore.scanning.scan import Scan, ScanLimits, ScanRequest
from eventstore.scanning.scans import Scans
from eventstore.search import parse_filter
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")

START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 60.0


@pytest.fixture
def log() -> DatabaseLog:
    return DatabaseLog()


@pytest.fixture
def scans(log: DatabaseLog) -> Iterator[Scans]:
    scans = Scans(log=log, read=read_event)
    yield scans
    scans.close()


def publish(log: DatabaseLog, count: int, *, partitions: int = 1, start: int = 0, payload: bytes = b'{"n": %d}') -> Topic:
    """Publish events of this many aggregates, a second apart, with their numbers as payloads."""
    topic = log.create_topic("patients", partitions=partitions)
    messages = [message(number, payload % number if b"%d" in payload else payload) for number in range(start, start + count)]
    log.append("patients", messages)
    for row in MessageRow.objects.filter(published__gt=START + timedelta(days=200)):
        number = int(row.properties.split('"ce_id":')[1].split('"')[1].removeprefix("e-"))
        MessageRow.objects.filter(pk=row.pk).update(published=START + timedelta(seconds=number))
    return topic


def message(number: int, payload: bytes) -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "patient.even" if number % 2 == 0 else "patient.odd",
        "ce_source": "/tests",
        "ce_time": (START + timedelta(seconds=number)).isoformat(),
        "ce_aggregatetype": "patient",
        "ce_aggregateid": f"p-{number % 7}",
    }
    return NewMessage(payload=payload, key=f"p-{number % 7}", properties=properties)


def index(log: DatabaseLog) -> None:
    following = Following(
        storage=StorageOver(log), config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None
    )
    index_until_caught_up(following)


def scan_of(log: Any, topic: Topic, text: str, *, limits: ScanLimits | None = None, **request: Any) -> Scan[str]:
    def keep(event: Event) -> str:
        return event.id

    def read(message: Message) -> Event:
        return read_event(message, ())

    asked = ScanRequest(topic=topic, filter=parse_filter(text), **request)
    return Scan(log, asked, read=read, keep=keep, limits=limits)


def ended(scan: Scan[str]) -> ScanProgress:
    scan.start()
    scan.join(LONG)
    assert not scan.running
    return scan.progress()


def ids(*numbers: int) -> list[str]:
    return [f"e-{number}" for number in numbers]


class Held:
    """A log that reads on only when told to: ``let`` this many reads pass."""

    def __init__(self, log: DatabaseLog) -> None:
        self._log = log
        self._allowed = threading.Semaphore(0)
        self.reads = 0

    def let(self, reads: int = 1) -> None:
        for _ in range(reads):
            self._allowed.release()

    def read_backward(self, *args: Any, **names: Any) -> Sequence[Message]:
        assert self._allowed.acquire(timeout=LONG)
        self.reads += 1
        return self._log.read_backward(*args, **names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@contextmanager
def held(log: DatabaseLog) -> Iterator[Held]:
    """Whatever a test leaves waiting is released at its end."""
    it = Held(log)
    try:
        yield it
    finally:
        it.let(1_000)


class _With:
    """A log with some calls replaced."""

    def __init__(self, log: Any, **instead: Any) -> None:
        self._log, self._instead = log, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._log, name)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten messages per piece, so that small topics have several."""
    for name in ("SMALLEST", "FIRST", "FIRST_FORWARD", "LARGEST"):
        monkeypatch.setattr(partition_reader, name, 10)


# -- what it finds


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("partitions", [1, 3])
def test_it_finds_every_match_in_order_of_publishing_and_says_that_all_was_read(
    log: DatabaseLog, small_pieces: None, partitions: int, newest_first: bool
) -> None:
    topic = publish(log, 45, partitions=partitions)
    scan = scan_of(log, topic, "type:patient.even data.n>=10", newest_first=newest_first)
    progress = ended(scan)
    expected = ids(*range(10, 45, 2))
    assert scan.matches() == (expected[::-1] if newest_first else expected)
    assert (progress.state, progress.complete, progress.read) == (ScanState.FINISHED, True, 45)
    assert progress.words == "Read all 45 events."


@pytest.mark.parametrize(("count", "words"), [(0, "There is no event to read."), (1, "Read all 1 event.")])
def test_an_empty_topic_and_one_event_are_answers_too(log: DatabaseLog, count: int, words: str) -> None:
    progress = ended(scan_of(log, publish(log, count), "type:nothing"))
    assert (progress.complete, progress.words, progress.matches) == (True, words, 0)


def test_the_filters_verdict_is_every_events_own(log: DatabaseLog, small_pieces: None) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201
    dice = random.Random(seed)
    topic = publish(log, dice.randrange(1, 80), partitions=dice.randrange(1, 5))
    for text in ("data.n>20", '"1"', "aggregate:p-3 or type:patient.odd", "not id:e-5", "data.n<=7 time>=2026-01-01T00:00:03"):
        filter = parse_filter(text)
        whole = [
            read_event(message, ())
            for partition in range(topic.partitions)
            for message in log.read_forward("patients", partition, limit=1_000)
        ]
        for newest_first in (True, False):
            scan = scan_of(log, topic, text, newest_first=newest_first)
            assert ended(scan).complete
            assert sorted(scan.matches()) == sorted(event.id for event in whole if filter.matches(event)), (seed, text)


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_is_published_meanwhile_is_not_read(log: DatabaseLog, small_pieces: None, newest_first: bool) -> None:
    topic = publish(log, 30)

    def ends_then_more(name: str) -> Any:
        found = log.ends(name)
        log.append("patients", [message(1_000, b"{}")])
        return found

    scan = scan_of(_With(log, ends=ends_then_more), topic, "type:patient.*", newest_first=newest_first)
    progress = ended(scan)
    assert (progress.read, progress.complete) == (30, True)
    assert "e-1000" not in scan.matches()


def test_payloads_that_cannot_be_looked_into_are_counted_and_make_the_answer_incomplete(log: DatabaseLog) -> None:
    topic = publish(log, 3)
    publish(log, 2, start=3, payload=b"no json")
    progress = ended(scan_of(log, topic, "data.n>=0"))
    assert (progress.matches, progress.unknown, progress.complete) == (3, 2, False)
    assert progress.state is ScanState.FINISHED
    assert progress.words == "Read all 5 events. 2 events could not be looked into: whether they match is not known."


def test_hostile_messages_are_read_through(log: DatabaseLog) -> None:
    from tests import hostile

    topic = log.create_topic("patients")
    log.append("patients", hostile.messages())
    progress = ended(scan_of(log, topic, 'data.text~"(a+)+$" or "closing" or data.a.b.c>1'))
    assert progress.read == len(hostile.messages())
    assert progress.state is ScanState.FINISHED


# -- where it begins and ends


def test_nothing_published_before_a_time_is_read(log: DatabaseLog) -> None:
    topic = publish(log, 20, partitions=2)
    since = START + timedelta(seconds=15)
    for newest_first in (True, False):
        scan = scan_of(log, topic, "type:patient.*", published_since=since, newest_first=newest_first)
        progress = ended(scan)
        assert sorted(scan.matches()) == sorted(ids(15, 16, 17, 18, 19))
        assert progress.words == "Read all 5 events published since then."
        assert not progress.since_is_derived
    later = ended(scan_of(log, topic, "type:patient.*", published_since=START + timedelta(days=1)))
    assert (later.read, later.complete) == (0, True)


def test_a_lower_bound_on_the_events_time_saves_reading_what_was_published_a_day_before(log: DatabaseLog) -> None:
    topic = publish(log, 20)
    row = MessageRow.objects.order_by("number").first()
    assert row is not None
    MessageRow.objects.filter(pk=row.pk).update(published=START - timedelta(days=3))
    scan = scan_of(log, topic, "time>=2026-01-01T00:00:05")
    progress = ended(scan)
    assert scan.matches() == ids(*range(19, 4, -1))
    assert progress.read == 19
    assert progress.since == START + timedelta(seconds=5) - timedelta(days=1)
    assert progress.since_is_derived


def test_an_upper_bound_saves_nothing_since_events_are_imported_late(log: DatabaseLog) -> None:
    topic = publish(log, 5)
    assert ended(scan_of(log, topic, "time<1999-01-01")).read == 5


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_stopped_search_goes_on_from_there_without_gap_or_double(
    log: DatabaseLog, small_pieces: None, newest_first: bool
) -> None:
    topic = publish(log, 47, partitions=3)
    found: list[str] = []
    onward, steps = "", 0
    while True:
        limits = ScanLimits(events=10)
        scan = scan_of(log, topic, "type:patient.*", limits=limits, newest_first=newest_first, onward=onward)
        progress = ended(scan)
        found += scan.matches()
        steps += 1
        onward = progress.onward
        if not onward:
            break
        assert progress.read == 10
    assert steps == 5
    assert progress.words == "Read the remaining 7 events."
    order = ids(*range(47))
    assert found == (order[::-1] if newest_first else order)


@pytest.mark.parametrize("onward", ["x", "W10", "e30", "WyJuZXdlciIseyIwIjoiKzEifV0", "ä"])
def test_a_damaged_place_to_go_on_from_is_said_to_be_damaged(log: DatabaseLog, onward: str) -> None:
    progress = ended(scan_of(log, publish(log, 1), "type:x", onward=onward))
    assert progress.state is ScanState.FAILED
    assert "damaged" in progress.problem


@pytest.mark.parametrize(
    ("limits", "ending", "words"),
    [
        (ScanLimits(matches=3), Ending.MATCHES, "Stopped at 3 matches, after 3 of 9 events."),
        (ScanLimits(events=4), Ending.EVENTS, "Stopped after 4 of 9 events: no search reads more at once."),
        (ScanLimits(seconds=-1), Ending.SECONDS, "Stopped after 1 of 9 events: no search takes longer than this."),
        (ScanLimits(unwatched=-1), Ending.UNWATCHED, "Ended after 1 of 9 events, since nobody was looking any more."),
    ],
)
def test_each_bound_ends_it_and_says_so(log: DatabaseLog, limits: ScanLimits, ending: Ending, words: str) -> None:
    topic = publish(log, 9)
    index(log)
    progress = ended(scan_of(log, topic, "type:patient.*", limits=limits))
    assert (progress.ending, progress.state, progress.complete) == (ending, ScanState.STOPPED, False)
    assert progress.words == f"{words} Older events were not read."


# -- how far it is


def test_how_many_there_are_is_what_the_index_counts(log: DatabaseLog) -> None:
    topic = publish(log, 12, partitions=3)
    unknown = ended(scan_of(log, topic, "type:x"))
    assert unknown.expected is None
    index(log)
    assert ended(scan_of(log, topic, "type:x")).expected == 12
    since = START + timedelta(seconds=8)
    assert ended(scan_of(log, topic, "type:x", published_since=since)).expected == 4
    publish(log, 3, start=12)
    behind = ended(scan_of(log, topic, "type:x"))
    assert (behind.expected, behind.expected_at_least, behind.read) == (12, True, 15)


def test_stopping_keeps_what_was_found_and_says_what_was_not_read(log: DatabaseLog, small_pieces: None) -> None:
    topic = publish(log, 30)
    index(log)
    with held(log) as slow:
        scan = scan_of(slow, topic, "type:patient.even")
        slow.let()
        scan.start()
        scan.wait(LONG, matches=5)
        running = scan.progress()
        assert (running.state, running.words, running.expected) == (ScanState.RUNNING, "", 30)
        assert scan.running
        scan.stop()
        at_once = scan.progress()
        assert at_once.state is ScanState.STOPPED
        slow.let(100)
        scan.join(LONG)
        later = scan.progress()
    assert later.read == at_once.read
    assert scan.matches() == ids(28, 26, 24, 22, 20)[: later.matches]
    assert later.words.startswith("Stopped after ") and later.words.endswith(" of 30 events. Older events were not read.")
    assert later.onward


def test_a_store_that_goes_away_fails_it_with_what_was_read(log: DatabaseLog, small_pieces: None) -> None:
    topic = publish(log, 30)
    index(log)
    reads = []

    def twice_then_away(*args: Any, **names: Any) -> Any:
        reads.append(1)
        if len(reads) > 2:
            raise StoreUnreachable("Pulsar does not answer.")
        return log.read_backward(*args, **names)

    scan = scan_of(_With(log, read_backward=twice_then_away), topic, "type:patient.even")
    progress = ended(scan)
    assert (progress.state, progress.ending, progress.read) == (ScanState.FAILED, Ending.STORE, 20)
    assert progress.words == ("The store broke off after 20 of 30 events. Pulsar does not answer. Older events were not read.")
    rest = scan_of(log, topic, "type:patient.even", onward=progress.onward)
    ended(rest)
    assert [*scan.matches(), *rest.matches()] == ids(*range(28, -1, -2))


def test_what_nobody_expected_fails_it_aloud_and_without_a_word_of_the_payload(
    log: DatabaseLog, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("Erika Mustermann")

    progress = ended(scan_of(_With(log, read_backward=broken), publish(log, 1), "type:x"))
    assert progress.ending is Ending.BROKEN
    [logged] = [entry for entry in caplog.records if entry.name == "eventstore.scanning.scan"]
    assert logged.levelname == "ERROR"
    assert "an unforeseen ZeroDivisionError at " in logged.getMessage()
    assert "test_scan.py:" in logged.getMessage()
    assert logged.exc_info is None
    assert "Erika" not in caplog.text + "".join(capfd.readouterr())


def test_pieces_are_bounded_whatever_the_payloads(log: DatabaseLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the first piece, and those after small payloads."""
    monkeypatch.setattr(partition_reader, "MOST_BYTES", 100_000)
    topic = publish(log, 300, payload=b'"' + b"x" * 5_000 + b'"')
    publish(log, 100, start=300, payload=b"1")
    sizes: list[int] = []

    def noted(*args: Any, **names: Any) -> Any:
        found = log.read_backward(*args, **names)
        sizes.append(sum(len(message.payload) for message in found))
        return found

    progress = ended(scan_of(_With(log, read_backward=noted), topic, "type:nothing"))
    assert (progress.complete, progress.read) == (True, 400)
    assert max(sizes) < 50_000 + 5_010


def test_pieces_read_forward_grow_with_what_was_seen(log: DatabaseLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_reader, "MOST_BYTES", 100_000)
    topic = publish(log, 300, payload=b'"' + b"x" * 5_000 + b'"')
    read, sizes = TableReader.read, list[int]()

    def noted(reader: TableReader, **names: Any) -> Any:
        found = read(reader, **names)
        sizes.append(sum(len(message.payload) for message in found))
        return found

    monkeypatch.setattr(TableReader, "read", noted)
    progress = ended(scan_of(log, topic, "type:nothing", newest_first=False))
    assert (progress.complete, progress.read) == (True, 300)
    assert max(sizes) < 50_000 + 5_010


# -- those of a process


def test_another_search_of_the_same_person_ends_the_one_before(log: DatabaseLog, scans: Scans) -> None:
    topic = publish(log, 5)
    with held(log) as slow:
        first = scan_of(slow, topic, "type:x")
        first_id = scans.start("anna", first)
        assert scans.get("anna", first_id) is first
        assert scans.get("bert", first_id) is None
        second_id = scans.start("anna", scan_of(log, topic, "type:x"))
        assert first.progress().ending is Ending.REPLACED
        assert scans.get("anna", first_id) is None
        assert scans.get("anna", second_id) is not None


def test_only_so_many_run_at_a_time(log: DatabaseLog) -> None:
    topic = publish(log, 5)
    scans = Scans(log=log, read=read_event, max_parallel=2)
    with held(log) as slow:
        for owner in ("anna", "bert"):
            scans.start(owner, scan_of(slow, topic, "type:x"))
        with pytest.raises(TooManySearches, match="2 searches are running already"):
            scans.start("carl", scan_of(slow, topic, "type:x"))
        scans.start("anna", scan_of(slow, topic, "type:x"))  # instead of her own
    scans.close()


def test_beginning_anew_again_and_again_piles_up_no_threads(log: DatabaseLog) -> None:
    topic = publish(log, 5)
    scans = Scans(log=log, read=read_event, max_parallel=3)
    with held(log) as slow:
        mine = []
        with pytest.raises(TooManySearches, match=r"3 ended searches still wait for the store.*Try again in a moment"):
            for _ in range(20):
                mine.append(scan_of(slow, topic, "type:x"))
                scans.start("anna", mine[-1])
        assert sum(scan.holds_thread for scan in mine) == 4
        assert mine[-2].running, "what is refused ends nothing"
        with pytest.raises(TooManySearches, match="and 1 more is running"):
            scans.start("bert", scan_of(slow, topic, "type:x"))
        mine[-2].stop()
        with pytest.raises(TooManySearches, match="4 ended searches"):
            scans.start("bert", scan_of(slow, topic, "type:x"))
        slow.let(1_000)
        for scan in mine[:-1]:
            scan.join(LONG)
        scans.start("bert", scan_of(log, topic, "type:x"))
        scans.close()


def test_closing_waits_for_those_that_were_replaced(log: DatabaseLog) -> None:
    topic = publish(log, 5)
    scans = Scans(log=log, read=read_event)
    with held(log) as slow:
        first, second = scan_of(slow, topic, "type:x"), scan_of(slow, topic, "type:x")
        scans.start("anna", first)
        scans.start("anna", second)
        slow.let(1_000)
        scans.close()
        assert not first.holds_thread
        assert not second.holds_thread


def test_closing_ends_all_of_them_and_frees_their_threads(log: DatabaseLog) -> None:
    topic = publish(log, 5)
    scans = Scans(log=log, read=read_event)
    with held(log) as slow:
        mine = [scan_of(slow, topic, "type:x") for _ in range(3)]
        for number, scan in enumerate(mine):
            scans.start(str(number), scan)
        slow.let(1_000)
        scans.close()
    assert all(not scan.running for scan in mine)
    assert all(not scan._thread.is_alive() for scan in mine)


def test_ended_searches_are_forgotten_in_the_end(log: DatabaseLog, scans: Scans) -> None:
    topic = publish(log, 1)
    started = {}
    for number in range(60):
        scan = scan_of(log, topic, "type:x")
        started[f"p{number}"] = scans.start(f"p{number}", scan)
        scan.join(LONG)
    kept = [owner for owner, id in started.items() if scans.get(owner, id)]
    assert len(kept) == 50
    assert kept[-1] == "p59"


def test_it_leaves_no_trace_in_the_store(log: DatabaseLog) -> None:
    topic = publish(log, 30, partitions=3)
    for newest_first in (True, False):
        assert ended(scan_of(log, topic, "type:x", newest_first=newest_first)).complete
    assert DatabaseStorage().subscriptions.of_topic("patients") == []
