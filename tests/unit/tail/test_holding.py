"""A tail whose subscribers are all busy waits for the fastest of them, and for nobody who is stuck."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstore.tail import Hub, Start, holding, ring
from eventstore.tail.holding import Holding
from eventstore.tail.reading import read_buffer
from eventstore.tail.shared import readings
from tests.contract.helpers import soon
from tests.unit.tail.entries import numbered
from tests.unit.tail.shared.conftest import Counting
from tests.unit.tail.subscribers.watching import Watching

pytestmark = pytest.mark.usefixtures("desk_databases")
MANY, HELD = 400, 40


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "MOST_EVENTS", HELD)
    monkeypatch.setattr(read_buffer, "FULL_EVENTS", 10)
    monkeypatch.setattr(read_buffer, "BEAT", 0.005)
    monkeypatch.setattr(holding, "STUCK_SECONDS", 60.0)
    monkeypatch.setattr(holding, "LONGEST_LAG", timedelta(minutes=10))
    monkeypatch.setattr(holding, "LOOK_EVERY", 0.002)


@pytest.fixture
def log(desk_databases: object) -> Counting:
    return Counting()


class NeverNow:
    """Whether a tail is held, asked at the wrong moments."""

    def __get__(self, holding: Holding, kind: type[Holding]) -> bool:
        return False

    def __set__(self, holding: Holding, held: bool) -> None:
        pass


def script_of(hub: Hub, log: Counting) -> Watching:
    script = Watching(hub.open([log.topic("documents")], Start(), lambda: None, complete=True))
    script.take()
    return script


def test_scripts_of_the_same_pace_never_leave_the_ring_whatever_is_published(log: Counting, hub: Hub) -> None:
    log.create_topic("documents")
    scripts = [script_of(hub, log) for _ in range(3)]
    tail = scripts[0].subscriber.tails[0]
    log.append("documents", numbered(range(MANY)))
    assert soon(lambda: tail.held)
    assert tail.ring._events <= HELD, "it reads no further"
    assert [script.take().state for script in scripts] == ["catching up"] * 3
    log.given = 0

    def there() -> bool:
        for script in scripts:
            script.take()
        return all(script.counts.published == MANY for script in scripts)

    assert soon(there)
    assert all(script.numbers == list(range(MANY)) for script in scripts)
    assert log.given == 0, "nothing was read twice"
    assert soon(lambda: all(script.take().state == "live" for script in scripts))


@pytest.mark.parametrize("at_this_moment", [True, False])
def test_whoever_comes_from_now_on_while_a_tail_is_held_gets_nothing_older(
    log: Counting, hub: Hub, monkeypatch: pytest.MonkeyPatch, at_this_moment: bool
) -> None:
    log.create_topic("documents", partitions=2)
    script = script_of(hub, log)
    tail = script.subscriber.tails[0]
    log.append("documents", numbered(range(MANY)))
    assert soon(lambda: tail.held)
    if not at_this_moment:  # it reads on, and what it reads is old
        monkeypatch.setattr(holding, "LAGS", timedelta(0))
        monkeypatch.setattr(Holding, "held", NeverNow(), raising=False)
    late = Watching(hub.open([log.topic("documents")], Start(), lambda: None, complete=True))
    page = Watching(hub.open([log.topic("documents")], Start(), lambda: None))
    for watching in (late, page):
        watching.take()
    assert page.take().state == "catching up"
    log.append("documents", numbered(range(MANY, MANY + 5)))
    for watching in (late, page):
        assert sorted(watching.until(5).numbers) == list(range(MANY, MANY + 5))
    assert sorted(script.until(MANY + 5).numbers) == list(range(MANY + 5))


def test_a_subscriber_that_takes_nothing_does_not_hold_a_tail_for_ever(
    log: Counting, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "STUCK_SECONDS", 0.05)
    monkeypatch.setattr(readings, "MOST_READINGS", 0)
    log.create_topic("documents")
    silent = script_of(hub, log)
    tail = silent.subscriber.tails[0]
    log.append("documents", numbered(range(MANY)))
    assert soon(lambda: tail.ring._events == MANY)
    assert silent.until(MANY).numbers == list(range(MANY))


def test_a_page_holds_no_tail(log: Counting, hub: Hub) -> None:
    log.create_topic("documents")
    page = Watching(hub.open([log.topic("documents")], Start(), lambda: None))
    page.take()
    tail = page.subscriber.tails[0]
    log.append("documents", numbered(range(MANY)))
    assert soon(lambda: tail.ring._events == MANY)
    assert page.until(MANY).counts.slow > 0


def test_a_tail_is_not_held_with_old_events(log: Counting, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LONGEST_LAG", timedelta(0))
    log.create_topic("documents")
    silent = script_of(hub, log)
    log.append("documents", numbered(range(MANY)))
    tail = silent.subscriber.tails[0]
    assert soon(lambda: tail.ring._events == MANY)
    assert silent.until(MANY).numbers == list(range(MANY))


@pytest.mark.parametrize("wrong", [timedelta(0), timedelta(days=1), timedelta(minutes=-1)])
def test_how_old_an_event_is_does_not_depend_on_the_clock_of_whoever_published_it(
    hub: Hub, log: Counting, wrong: timedelta
) -> None:
    log.create_topic("documents")
    seen = script_of(hub, log).subscriber.tails[0].holding
    now = datetime.now(UTC)
    seen._age_of(now + wrong)
    assert not seen.lags
    assert timedelta(seconds=20) <= seen._age_of(now + wrong - timedelta(seconds=20)) < timedelta(minutes=2)
    assert seen.lags
