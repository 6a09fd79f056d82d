"""Searches that read a topic: what they find, what they report, how they end, and what they keep in memory."""

import random
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eventstore.drivers.database.models import MessageRow
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.envelope import read_event
from eventstore.scanning.progress import ScanState
from eventstore.search import parse_filter
from tests.unit.scanning.scans import START, _With, ended, ids, message, publish, scan_of

pytestmark = pytest.mark.usefixtures("desk_databases")


# -- what it finds


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("partitions", [1, 3])
def test_it_finds_every_match_in_order_of_publishing_and_says_that_all_was_read(
    log: UnfoldedLog, small_pieces: None, partitions: int, newest_first: bool
) -> None:
    topic = publish(log, 45, partitions=partitions)
    scan = scan_of(log, topic, "type:patient.even data.n>=10", newest_first=newest_first)
    progress = ended(scan)
    expected = ids(*range(10, 45, 2))
    assert scan.matches() == (expected[::-1] if newest_first else expected)
    assert (progress.state, progress.complete, progress.read) == (ScanState.FINISHED, True, 45)
    assert progress.words == "Read all 45 events."


@pytest.mark.parametrize(("count", "words"), [(0, "There is no event to read."), (1, "Read all 1 event.")])
def test_an_empty_topic_and_one_event_are_answers_too(log: UnfoldedLog, count: int, words: str) -> None:
    progress = ended(scan_of(log, publish(log, count), "type:nothing"))
    assert (progress.complete, progress.words, progress.matches) == (True, words, 0)


@pytest.mark.slow
def test_the_filters_verdict_is_every_events_own(log: UnfoldedLog, small_pieces: None) -> None:
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
def test_what_is_published_meanwhile_is_not_read(log: UnfoldedLog, small_pieces: None, newest_first: bool) -> None:
    topic = publish(log, 30)

    def ends_then_more(name: str) -> Any:
        found = log.ends(name)
        log.append("patients", [message(1_000, b"{}")])
        return found

    scan = scan_of(_With(log, ends=ends_then_more), topic, "type:patient.*", newest_first=newest_first)
    progress = ended(scan)
    assert (progress.read, progress.complete) == (30, True)
    assert "e-1000" not in scan.matches()


def test_payloads_that_cannot_be_looked_into_are_counted_and_make_the_answer_incomplete(log: UnfoldedLog) -> None:
    topic = publish(log, 3)
    publish(log, 2, start=3, payload=b"no json")
    progress = ended(scan_of(log, topic, "data.n>=0"))
    assert (progress.matches, progress.unknown, progress.complete) == (3, 2, False)
    assert progress.state is ScanState.FINISHED
    assert progress.words == "Read all 5 events. 2 events could not be checked: whether they match is not known."


def test_hostile_messages_are_read_through(log: UnfoldedLog) -> None:
    from tests import hostile

    topic = log.create_topic("patients")
    log.append("patients", hostile.messages())
    progress = ended(scan_of(log, topic, 'data.text~"(a+)+$" or "closing" or data.a.b.c>1'))
    assert progress.read == len(hostile.messages())
    assert progress.state is ScanState.FINISHED


# -- where it begins and ends


def test_nothing_published_before_a_time_is_read(log: UnfoldedLog) -> None:
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


def test_a_lower_bound_on_the_events_time_saves_reading_what_was_published_a_day_before(log: UnfoldedLog) -> None:
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


def test_a_bound_in_the_future_saves_nothing_since_it_asks_for_wrong_times(log: UnfoldedLog) -> None:
    topic = publish(log, 3)
    wrong = message(3, b"{}")
    log.append("patients", [replace(wrong, properties={**wrong.properties, "ce_time": "2099-01-01T05:30:00Z"})])
    progress = ended(scan_of(log, topic, "time>=2099-01-01"))
    assert (progress.matches, progress.read, progress.since) == (1, 4, None)


def test_an_upper_bound_saves_nothing_since_events_are_imported_late(log: UnfoldedLog) -> None:
    topic = publish(log, 5)
    assert ended(scan_of(log, topic, "time<1999-01-01")).read == 5
