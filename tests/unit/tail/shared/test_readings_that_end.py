"""A reading that nobody takes from, or that one script has for itself, gives way to those who read together."""

import pytest

from eventstore.tail.shared import ordered_reader, reading, readings
from eventstore.tail.shared.reading import SharedReading
from tests.contract.helpers import eventually
from tests.unit.tail.shared.conftest import Counting
from tests.unit.tail.shared.test_shared_readings import MANY, publish, together, wait_for_ring
from tests.unit.tail.subscribers.watching import Watch, Watching

pytestmark = pytest.mark.usefixtures("desk_databases")


def reading_of(script: Watching) -> SharedReading:
    """The reading that it joins with its next take."""
    assert eventually(lambda: bool(script.take().pieces))
    found = script.subscriber._cursors[0]._reading
    assert found is not None
    return found


@pytest.fixture
def behind(log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> list[Watching]:
    """Scripts that have fallen behind, where there may be one reading."""
    monkeypatch.setattr(readings, "MOST_READINGS", 1)
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(4)]
    publish(log, topic, MANY)
    wait_for_ring(scripts[0], MANY)
    return scripts


def everything(script: Watching) -> bool:
    return script.numbers == list(range(MANY))


def test_a_script_that_takes_nothing_ends_its_reading_and_keeps_next_to_nothing_of_it(
    log: Counting, behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STUCK_SECONDS", "LEFT_SECONDS", "LONGEST_PAUSE"):
        monkeypatch.setattr(reading, name, 0.05)
    silent, *others = behind
    held = reading_of(silent)
    assert eventually(lambda: held.over and len(held.ring._chunks) == 1)
    log.given = 0
    together(others, MANY)
    assert all(everything(script) for script in others)
    assert log.given < 2 * MANY
    assert everything(silent.until(MANY))


def test_a_reading_of_one_script_alone_gives_way(
    log: Counting, behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "ALONE_FOR", 0.0)
    monkeypatch.setattr(reading, "MOST_EVENTS", 20)
    monkeypatch.setattr(ordered_reader, "LARGEST_READ", 10)
    alone, *others = behind
    held = reading_of(alone)
    assert eventually(lambda: len(alone.take().pieces) > 0 and len(alone.numbers) > 60)
    log.given = 0
    monkeypatch.setattr(reading, "MOST_EVENTS", 12_000)
    for _ in range(2):  # it leaves the ring, and finds no place
        others[0].take()
    assert held.over, "it gives way to the one of the others, who are further back"
    monkeypatch.setattr(readings, "ALONE_FOR", 3_600.0)
    together(others, MANY)
    assert all(everything(script) for script in others)
    assert log.given < 2 * MANY
    assert everything(alone.until(MANY))


def test_a_reading_goes_on_at_once_for_a_faster_script_that_joins(
    log: Counting, behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_PAUSE", 3_600.0)
    monkeypatch.setattr(reading, "STUCK_SECONDS", 3_600.0)
    slow, fast, *_ = behind
    held = reading_of(slow)
    assert eventually(lambda: not held._is_wanted() and not held._wanted.is_set())
    together([fast], MANY)
    assert everything(fast)
