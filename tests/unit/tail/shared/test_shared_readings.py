"""Scripts that fell behind the ring read the store together."""

from collections.abc import Sequence

import pytest

from eventstore.model.events import Topic
from eventstore.tail import Counts, Start
from eventstore.tail.shared import ordered_reader, reading, readings
from tests.contract.helpers import soon
from tests.unit.tail.entries import numbered
from tests.unit.tail.shared.conftest import Counting, reading_threads
from tests.unit.tail.subscribers.watching import ODD, Watch, Watching

pytestmark = pytest.mark.usefixtures("desk_databases")
MANY = 400


def publish(log: Counting, topic: Topic, count: int, start: int = 0) -> None:
    log.append(topic.name, numbered(range(start, start + count)))


def wait_for_ring(watching: Watching, events: int) -> None:
    """Wait until the tail has sealed this many events."""
    tail = watching.subscriber.tails[0]
    assert soon(lambda: tail.ring._events == events)


def test_scripts_that_fell_behind_together_get_every_event_once_and_read_the_store_once(log: Counting, watch: Watch) -> None:
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(6)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    log.given = 0
    together(scripts, MANY)
    assert all(script.numbers == list(range(MANY)) for script in scripts)
    assert all(script.counts == Counts(published=MANY, matched=MANY, shown=MANY) for script in scripts)
    assert log.given < 2 * MANY
    pieces = {id(script.subscriber.tails[0]) for script in scripts}
    assert len(pieces) == 1


def together(scripts: Sequence[Watching], published: int) -> None:
    """Let them take in turns until each has passed this many events."""

    def there() -> bool:
        for script in scripts:
            script.take()
        return all(script.counts.published >= published for script in scripts)

    assert soon(there), [script.counts for script in scripts]


def test_a_script_that_does_not_take_holds_nobody_up_and_goes_on_where_it_was(
    log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EVENTS", 30)
    monkeypatch.setattr(ordered_reader, "LARGEST_READ", 10)
    topic = log.create_topic("documents")
    slow, *others = (watch(topic) for _ in range(4))
    publish(log, topic, 150)
    wait_for_ring(slow, 150)
    assert soon(lambda: bool(slow.take().pieces)), "it follows a reading"
    had = len(slow.numbers)
    assert had < 60
    together(others, 150)
    assert slow.until(150).numbers == list(range(150))


def test_each_filter_looks_at_what_is_read_once_and_counts_what_it_matched(log: Counting, watch: Watch) -> None:
    topic = log.create_topic("documents", partitions=3)
    scripts = [watch(topic, filter=ODD if number % 2 else None) for number in range(4)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    together(scripts, MANY)
    for number, script in enumerate(scripts):
        expected = list(range(1, MANY, 2)) if number % 2 else list(range(MANY))
        assert sorted(script.numbers) == expected
        assert script.counts == Counts(published=MANY, matched=len(expected), shown=len(expected))
    scripts[0].subscriber.set_filter(ODD)
    publish(log, topic, 10, MANY)
    assert scripts[0].until(MANY + 10).counts.matched == 5


@pytest.mark.slow
def test_a_filter_that_is_changed_while_they_read_holds_from_there_on(
    log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "AHEAD", 1)
    topic = log.create_topic("documents")
    script, other = watch(topic), watch(topic)
    publish(log, topic, MANY)
    wait_for_ring(script, MANY)
    assert soon(lambda: bool(script.take().pieces))
    had = len(script.numbers)
    script.subscriber.set_filter(ODD)
    assert script.until(MANY).numbers == [*range(had), *(number for number in range(had, MANY) if number % 2)]
    assert other.until(MANY).numbers == list(range(MANY))


def test_while_the_store_is_away_all_of_them_say_so_and_then_go_on(
    log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(3)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    log.given, log.most = 0, 100

    def away() -> bool:
        return [script.take().state for script in scripts] == ["away"] * 3

    assert soon(away)
    assert len({len(script.numbers) for script in scripts}) == 1 and 0 < len(scripts[0].numbers) < MANY - 100
    log.most = 1_000_000
    together(scripts, MANY)
    assert all(script.numbers == list(range(MANY)) for script in scripts)
    assert soon(lambda: all(script.take().state == "live" for script in scripts))


def test_a_reading_ends_when_nobody_follows_it_any_more(log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(3)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    assert soon(lambda: all(script.take().state == "catching up" for script in scripts) and bool(reading_threads()))
    assert len(reading_threads()) == 1
    for script in scripts[:2]:
        script.subscriber.close()
    assert reading_threads()
    scripts[2].subscriber.close()
    assert soon(lambda: not reading_threads())
    assert not any(script.take().pieces for script in scripts)
    assert not reading_threads(), "whoever has left begins none"


def test_when_everybody_has_met_the_ring_no_reading_is_left(log: Counting, watch: Watch) -> None:
    topic = log.create_topic("documents", partitions=2)
    scripts = [watch(topic) for _ in range(3)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    together(scripts, MANY)
    assert soon(lambda: all(script.take().state == "live" for script in scripts))
    assert soon(lambda: not reading_threads())
    publish(log, topic, 30, MANY)
    log.given = 0
    together(scripts, MANY + 30)
    assert all(sorted(script.numbers) == list(range(MANY + 30)) for script in scripts)
    assert log.given == 0, "they are in the ring"


def test_what_was_trimmed_meanwhile_is_told_to_each_that_missed_it(log: Counting, watch: Watch) -> None:
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(3)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    log.given, log.most = 0, 60
    assert soon(lambda: [script.take().state for script in scripts] == ["away"] * 3)
    had = len(scripts[0].numbers)
    assert 0 < had < 200
    log.trim(topic.name, 200)
    log.most = 1_000_000
    together(scripts, MANY - 200 + had)
    for script in scripts:
        assert script.numbers == [*range(had), *range(200, MANY)]
        assert script.counts.older is None, "without an index nobody knows how many"


def test_whoever_finds_no_place_in_a_reading_reads_alone(log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "MOST_READINGS", 0)
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(3)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    together(scripts, MANY)
    assert not reading_threads()
    assert all(script.numbers == list(range(MANY)) for script in scripts)


def test_scripts_that_start_in_the_past_share_what_they_read(log: Counting, watch: Watch) -> None:
    topic = log.create_topic("documents")
    publish(log, topic, MANY)
    places = Start(places={"documents#0": log.read_forward("documents", 0, limit=1)[0].position.token})
    scripts = [watch(topic, places) for _ in range(5)]
    log.given = 0
    together(scripts, MANY - 1)
    assert all(script.numbers == list(range(1, MANY)) for script in scripts)
    assert log.given < 2 * MANY
