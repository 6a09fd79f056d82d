"""The searches of a process together: one a person, a few at a time, and none left when they are closed."""

from collections.abc import Iterator

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.envelope import read_event
from eventstore.model.errors import TooManySearches
from eventstore.scanning.progress import Ending
from eventstore.scanning.scans import Scans
from tests.unit.scanning.scans import LONG, ended, held, publish, scan_of

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture
def scans(log: UnfoldedLog) -> Iterator[Scans]:
    scans = Scans(log=log, read=read_event)
    yield scans
    scans.close()


# -- those of a process


def test_another_search_of_the_same_person_ends_the_one_before(log: UnfoldedLog, scans: Scans) -> None:
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


def test_only_so_many_run_at_a_time(log: UnfoldedLog) -> None:
    topic = publish(log, 5)
    scans = Scans(log=log, read=read_event, max_parallel=2)
    with held(log) as slow:
        for owner in ("anna", "bert"):
            scans.start(owner, scan_of(slow, topic, "type:x"))
        with pytest.raises(TooManySearches, match="2 searches are running already"):
            scans.start("carl", scan_of(slow, topic, "type:x"))
        scans.start("anna", scan_of(slow, topic, "type:x"))  # instead of her own
    scans.close()


def test_beginning_anew_again_and_again_piles_up_no_threads(log: UnfoldedLog) -> None:
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


def test_closing_waits_for_those_that_were_replaced(log: UnfoldedLog) -> None:
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


def test_closing_ends_all_of_them_and_frees_their_threads(log: UnfoldedLog) -> None:
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


@pytest.mark.slow
def test_ended_searches_are_forgotten_in_the_end(log: UnfoldedLog, scans: Scans) -> None:
    topic = publish(log, 1)
    started = {}
    for number in range(60):
        scan = scan_of(log, topic, "type:x")
        started[f"p{number}"] = scans.start(f"p{number}", scan)
        scan.join(LONG)
    kept = [owner for owner, id in started.items() if scans.get(owner, id)]
    assert len(kept) == 50
    assert kept[-1] == "p59"


def test_it_leaves_no_trace_in_the_store(log: UnfoldedLog) -> None:
    topic = publish(log, 30, partitions=3)
    for newest_first in (True, False):
        assert ended(scan_of(log, topic, "type:x", newest_first=newest_first)).complete
    assert DatabaseStorage().subscriptions.of_topic("patients") == []
