"""What subscribers get over the embedded store: where they start, what they missed, and that the counts always add up."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NewMessage
from eventstore.tail import Counts, Start
from eventstore.tail.subscriber import catchup
from tests.contract.helpers import soon
from tests.unit.tail.entries import numbered
from tests.unit.tail.subscribers.watching import ODD, Watch, numbers_of

pytestmark = pytest.mark.usefixtures("desk_databases")

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def publish_a_minute_apart() -> None:
    """Set the publish times by the order of the events' numbers, across all partitions."""
    for row in MessageRow.objects.all():
        published = BEGUN + timedelta(minutes=int(bytes(row.payload)))
        MessageRow.objects.filter(pk=row.pk).update(published=published)


def test_a_partitions_order_stands_whatever_the_publish_times_say(log: DatabaseLog, watch: Watch) -> None:
    topic = log.create_topic("documents")
    log.append("documents", [NewMessage(payload=str(number).encode(), key="k") for number in range(4)])
    for number, minute in enumerate((11, 13, 12, 14)):
        MessageRow.objects.filter(number=number).update(published=BEGUN + timedelta(minutes=minute))
    assert watch(topic, Start(places={"documents#0": ""})).until(4).numbers == [0, 1, 2, 3]


@pytest.mark.slow
def test_each_start_begins_where_it_says_and_gives_what_was_missed_in_order(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "SMALLEST_READ", 3)
    monkeypatch.setattr(catchup, "LARGEST_READ", 5)
    one, other = log.create_topic("one", partitions=2), log.create_topic("other")
    positions = [*log.append("one", numbered(range(20))), *log.append("other", numbered(range(20, 30)))]
    publish_a_minute_apart()
    both = [one, other]

    assert watch(both, Start(since=BEGUN + timedelta(minutes=12))).until(18).numbers == list(range(12, 30))
    assert watch(both, Start(since=BEGUN)).until(30).numbers == list(range(30))
    assert watch(both, Start(since=datetime(2999, 1, 1, tzinfo=UTC))).until(0).numbers == []
    assert watch(both, Start(last=13)).until(13).numbers == list(range(17, 30))
    assert watch(both, Start(last=10_000)).until(30).numbers == list(range(30))
    assert watch(both, Start(position=positions[8]), complete=True).until(22).numbers == list(range(8, 30))
    assert watch(both, Start(position=positions[29])).until(1).numbers == [29]
    assert watch(one, Start(last=1), filter=ODD).until(1).numbers == [19]
    assert watch(one, Start(last=4), filter=ODD).until(4).numbers == [17, 19]

    with pytest.raises(InvalidPosition, match="in none of the topics"):
        watch(other, Start(position=positions[8]))
    with pytest.raises(InvalidPosition):
        watch(other, Start(places={"other#0": "not a token"}))


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        ({"last": 0}, "1 to 10,000"),
        ({"last": 10_001}, "1 to 10,000"),
        ({"since": datetime(2026, 1, 1)}, "zone"),  # noqa: DTZ001 -- that is what is wrong
        ({"since": BEGUN, "last": 1}, "one place"),
    ],
)
def test_a_start_that_says_nothing_clear_is_refused(start: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidPosition, match=problem):
        Start(**start)  # type: ignore[arg-type]


def test_a_page_that_missed_too_much_gets_the_last_and_the_number_of_the_others(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MOST_MISSED", 50)
    monkeypatch.setattr(catchup, "MOST_KEPT", 20)
    topic = log.create_topic("documents", partitions=2)
    log.append("documents", numbered(range(80)))
    publish_a_minute_apart()
    page = watch(topic, Start(places={}))
    assert page.until(80).numbers == list(range(60, 80))
    assert page.counts == Counts(published=80, matched=80, shown=20, older=60)
    log.append("documents", numbered(range(80, 85)))
    assert sorted(page.until(85).numbers) == list(range(60, 85))

    filtered = watch(topic, Start(places={}), filter=ODD).until(85)
    assert sorted(filtered.numbers) == list(range(65, 85, 2))
    assert filtered.counts.older is None, "nobody knows how many of them match"

    script = watch(topic, Start(places={}), complete=True).until(85)
    assert sorted(script.numbers) == list(range(85))
    assert script.counts.older == 0


def test_an_event_larger_than_every_bound_comes_like_any_other(log: DatabaseLog, watch: Watch) -> None:
    topic = log.create_topic("documents")
    missed, live = watch(topic, Start(places={}), complete=True), watch(topic, Start(), complete=True)
    live.take()
    for number in range(3):
        log.append("documents", [NewMessage(payload=str(number).encode() + b" " * (number % 2) * 3_000_000, key="k")])
    assert live.until(3).numbers == [0, 1, 2]
    assert missed.until(3).numbers == [0, 1, 2]
    assert watch(topic, Start(places={})).until(3).numbers == [0, 1, 2]


def test_a_new_filter_holds_for_what_waits_and_begins_to_count_again(log: DatabaseLog, watch: Watch) -> None:
    topic = log.create_topic("documents")
    page, script = watch(topic, Start()), watch(topic, Start(), complete=True)
    page.take(), script.take()
    log.append("documents", numbered(range(250)))
    assert soon(lambda: page.subscriber.tails[0].ring.next_number > 0)
    assert len(numbers_of(page.take())) == 150
    for watching in (page, script):
        watching.subscriber.set_filter(ODD)
        watching.until(250)
    assert page.numbers == [*range(150), *range(151, 250, 2)]
    assert script.numbers == list(range(1, 250, 2))
    assert page.counts == Counts(published=250, matched=50, shown=50)
    assert script.counts == Counts(published=250, matched=125, shown=125)
    page.subscriber.set_filter(None)
    assert page.take().counts == Counts(published=250)
