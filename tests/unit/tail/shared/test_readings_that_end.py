"""A reading that nobody takes from, or that one script has for itself, gives way to those who read together."""

from math import inf

import pytest

from eventstore.tail import Start
from eventstore.tail.shared import ordered_reader, reading, readings
from eventstore.tail.shared.reading import SharedReading
from eventstore.tail.subscriber import catchup
from tests.contract.helpers import soon
from tests.unit.tail.shared.conftest import Counting
from tests.unit.tail.shared.test_shared_readings import MANY, publish, together, wait_for_ring
from tests.unit.tail.subscribers.watching import Watch, Watching

pytestmark = pytest.mark.usefixtures("desk_databases")


def reading_of(script: Watching) -> SharedReading:
    """The reading that it joins with its next take."""
    assert soon(lambda: bool(script.take().pieces))
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


@pytest.fixture
def sharing(behind: list[Watching], monkeypatch: pytest.MonkeyPatch) -> SharedReading:
    """The reading that all of them follow. It has read some chunks."""
    monkeypatch.setattr(ordered_reader, "LARGEST_READ", 10)
    monkeypatch.setattr(reading, "MOST_EVENTS", 100)
    found = {id(one): one for one in map(reading_of, behind)}
    (shared,) = found.values()
    return shared


def everything(script: Watching) -> bool:
    return script.numbers == list(range(MANY))


@pytest.mark.slow
def test_a_script_that_takes_nothing_ends_its_reading_and_keeps_next_to_nothing_of_it(
    log: Counting, behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STUCK_SECONDS", "LEFT_SECONDS", "LONGEST_PAUSE"):
        monkeypatch.setattr(reading, name, 0.05)
    silent, *others = behind
    held = reading_of(silent)
    assert soon(lambda: held.over and len(held.ring._chunks) == 1)
    for name in ("STUCK_SECONDS", "LEFT_SECONDS"):
        monkeypatch.setattr(reading, name, 10.0)
    log.given = 0
    together(others, MANY)
    assert all(everything(script) for script in others)
    assert log.given < 2 * MANY
    assert everything(silent.until(MANY))


def test_silent_scripts_that_share_a_reading_end_it_and_keep_next_to_nothing(
    behind: list[Watching], sharing: SharedReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STUCK_SECONDS", "LEFT_SECONDS", "LIVELY_SECONDS"):
        monkeypatch.setattr(reading, name, 0.05)
    assert soon(lambda: sharing.over and len(sharing.ring._chunks) == 1)
    for name in ("STUCK_SECONDS", "LEFT_SECONDS", "LIVELY_SECONDS"):
        monkeypatch.setattr(reading, name, 10.0)
    together(behind, MANY)
    assert all(everything(script) for script in behind)


def test_a_reading_of_several_that_hardly_take_anything_gives_way(
    log: Counting, behind: list[Watching], sharing: SharedReading, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "ALONE_FOR", 0.0)
    monkeypatch.setattr(reading, "STUCK_SECONDS", 3_600.0)
    monkeypatch.setattr(reading, "LIVELY_SECONDS", 3_600.0)
    monkeypatch.setattr(catchup, "EVENTS_COMPLETE", 5)  # of what another reads by itself
    together(behind, 200)
    places = Start(places={"documents#0": log.read_forward("documents", 0, limit=1)[0].position.token})
    other = watch(behind[0].subscriber.tails[0].topic, places)
    assert not sharing.over, "they have just taken something"
    assert soon(lambda: not sharing._is_wanted()), "something waits for them"
    monkeypatch.setattr(reading, "LIVELY_SECONDS", 0.0)
    other.take()
    assert sharing.over
    together(behind, MANY)
    assert all(everything(script) for script in behind)
    assert other.until(MANY - 1).numbers == list(range(1, MANY))


def test_a_reading_does_not_give_way_while_its_scripts_wait_for_what_is_read_next(
    log: Counting, behind: list[Watching], sharing: SharedReading, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "ALONE_FOR", 0.0)
    monkeypatch.setattr(reading, "STUCK_SECONDS", 3_600.0)
    together(behind, 200)  # so that it does not keep the beginning
    places = Start(places={"documents#0": log.read_forward("documents", 0, limit=1)[0].position.token})
    log.given, log.most = 0, 50

    def wait_for_the_store() -> bool:
        for script in behind:
            script.take()
        return sharing.away and {follower.number for follower in sharing.followers} == {sharing.ring.next_number}

    assert soon(wait_for_the_store)
    monkeypatch.setattr(reading, "LIVELY_SECONDS", 0.0)
    other = watch(behind[0].subscriber.tails[0].topic, places)
    assert not sharing.over and len(sharing.followers) == len(behind)
    log.most = 1_000_000
    together(behind, MANY)
    assert all(everything(script) for script in behind)
    assert other.until(MANY - 1).numbers == list(range(1, MANY))


def test_those_for_whom_something_has_just_come_share_a_reading(
    behind: list[Watching], sharing: SharedReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVELY_SECONDS", "STUCK_SECONDS"):
        monkeypatch.setattr(reading, name, 3_600.0)
    assert soon(lambda: not sharing._is_wanted())
    with sharing.lock:
        sharing.followers.update(dict.fromkeys(sharing.followers, -inf))
    assert sharing.is_shared() and not sharing.taking()
    monkeypatch.setattr(reading, "LIVELY_SECONDS", 0.0)
    assert not sharing.is_shared()


def test_what_a_reading_has_read_at_once_waits_until_there_is_room_for_it(
    behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVELY_SECONDS", "STUCK_SECONDS", "LONGEST_PAUSE"):
        monkeypatch.setattr(reading, name, 3_600.0)
    monkeypatch.setattr(ordered_reader, "MOST_AT_ONCE", MANY)
    monkeypatch.setattr(reading, "MOST_EVENTS", 100)
    held = reading_of(behind[0])
    together(behind, 100)
    assert soon(lambda: not held._is_wanted())
    assert {script.subscriber._cursors[0]._reading for script in behind} == {held}
    assert not any(held.ring.since(follower.number or 0).gone for follower in held.followers)
    together(behind, MANY)
    assert all(everything(script) for script in behind)


def test_a_reading_goes_on_with_those_who_take_whoever_else_follows_it(
    behind: list[Watching], sharing: SharedReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LIVELY_SECONDS", 0.1)
    lively = behind[-1]
    assert soon(lambda: bool(lively.take()) and len(lively.numbers) > 200)
    assert lively.subscriber._cursors[0]._reading is sharing
    together(behind, MANY)
    assert all(everything(script) for script in behind)


def test_a_reading_does_not_go_on_while_half_of_those_who_take_are_behind(
    behind: list[Watching], sharing: SharedReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVELY_SECONDS", "STUCK_SECONDS", "LONGEST_PAUSE"):
        monkeypatch.setattr(reading, name, 3_600.0)
    fast, *others = behind
    assert soon(lambda: not fast.take().pieces and not sharing._is_wanted())
    read = sharing.ring.next_number
    assert len(fast.numbers) < MANY
    assert soon(lambda: bool(others[0].take()) and sharing.ring.next_number > read)
    together(behind, MANY)
    assert all(everything(script) for script in behind)


def test_a_reading_of_one_script_alone_gives_way(
    log: Counting, behind: list[Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "ALONE_FOR", 0.0)
    monkeypatch.setattr(reading, "MOST_EVENTS", 20)
    monkeypatch.setattr(ordered_reader, "LARGEST_READ", 10)
    alone, *others = behind
    held = reading_of(alone)
    assert soon(lambda: len(alone.take().pieces) > 0 and len(alone.numbers) > 60)
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
    assert soon(lambda: not held._is_wanted() and not held._wanted.is_set())
    together([fast], MANY)
    assert everything(fast)
