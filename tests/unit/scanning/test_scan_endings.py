"""How a search ends early: at a bound, by its person, by an outage or by a fault, and what it says then."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.errors import StoreUnreachable
from eventstore.scanning.progress import Ending, ScanState
from eventstore.scanning.scan import ScanLimits
from tests.parts import StorageOver
from tests.unit.scanning.scans import LONG, START, _With, ended, held, ids, publish, scan_of

pytestmark = pytest.mark.usefixtures("desk_databases")


def index(log: UnfoldedLog) -> None:
    following = Following(
        storage=StorageOver(log), config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None
    )
    index_until_caught_up(following)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_stopped_search_goes_on_from_there_without_gap_or_double(
    log: UnfoldedLog, small_pieces: None, newest_first: bool
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
def test_a_damaged_place_to_go_on_from_is_said_to_be_damaged(log: UnfoldedLog, onward: str) -> None:
    progress = ended(scan_of(log, publish(log, 1), "type:x", onward=onward))
    assert progress.state is ScanState.FAILED
    assert "damaged" in progress.problem


@pytest.mark.parametrize(
    ("limits", "ending", "words"),
    [
        (ScanLimits(matches=3), Ending.MATCHES, "Stopped at 3 matches, after 3 of 9 events."),
        (ScanLimits(events=4), Ending.EVENTS, "Stopped after 4 of 9 events: no search reads more at once."),
        (ScanLimits(seconds=-1), Ending.SECONDS, "Stopped after 1 of 9 events: no search takes longer than this."),
        (ScanLimits(unwatched=-1), Ending.UNWATCHED, "Ended after 1 of 9 events, since its page was no longer open."),
    ],
)
def test_each_bound_ends_it_and_says_so(log: UnfoldedLog, limits: ScanLimits, ending: Ending, words: str) -> None:
    topic = publish(log, 9)
    index(log)
    progress = ended(scan_of(log, topic, "type:patient.*", limits=limits))
    assert (progress.ending, progress.state, progress.complete) == (ending, ScanState.STOPPED, False)
    assert progress.words == f"{words} Older events were not read."


# -- how far it is


def test_how_many_there_are_is_what_the_index_counts(log: UnfoldedLog) -> None:
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


def test_stopping_keeps_what_was_found_and_says_what_was_not_read(log: UnfoldedLog, small_pieces: None) -> None:
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


def test_a_store_that_goes_away_fails_it_with_what_was_read(log: UnfoldedLog, small_pieces: None) -> None:
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
    log: UnfoldedLog, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("Erika Mustermann")

    progress = ended(scan_of(_With(log, read_backward=broken), publish(log, 1), "type:x"))
    assert progress.ending is Ending.BROKEN
    [logged] = [entry for entry in caplog.records if entry.name == "eventstore.scanning.scan"]
    assert logged.levelname == "ERROR"
    assert "an unforeseen ZeroDivisionError at " in logged.getMessage()
    assert f"{Path(__file__).name}:" in logged.getMessage()
    assert logged.exc_info is None
    assert "Erika" not in caplog.text + "".join(capfd.readouterr())
