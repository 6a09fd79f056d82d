"""Builds of a local projection: which run may go on with one, which may be swapped in, and what readers see meanwhile."""

from datetime import UTC, datetime

import pytest
from django.db import connections

from eventstore.local import Rows
from eventstore.local.builds import Build, BuildTaken, fresh_build, live_rows
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Event, Message, Position

pytestmark = pytest.mark.usefixtures("desk_databases")
TIME = datetime(2026, 11, 30, tzinfo=UTC)


class Numbers:
    """Keeps the texts of all events in one row, and fails where the last one is not the one before."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def apply(self, event: Event) -> None:
        assert not connections["default"].in_atomic_block, "nobody can write meanwhile"
        there = self.rows.get("all") or []
        if len(there) != int(event.id) - 1:
            raise ValueError(there)
        self.rows.put("all", [*there, event.id])


def event(number: int) -> Event:
    position = Position(topic="t", partition=0, token=f"{number:05}")
    message = Message(position=position, published=TIME, payload=b"", key=None)
    return Event(message=message, id=str(number), time=TIME, data=b"", aggregate_id="a")


def build(name: str = "job1", projection: str = "p") -> Build:
    return fresh_build(projection, name, Numbers)


def apply(one: Build, *numbers: int) -> None:
    one.apply([event(number) for number in numbers], {"t": {0: f"{numbers[-1]:05}"}})


def rows(projection: str = "p") -> list[tuple[str, object]] | None:
    found = live_rows(projection)
    return None if found is None else list(found.items())


def test_a_run_that_goes_on_late_applies_nothing_twice() -> None:
    late, other = build(), build()
    apply(other, 1, 2)
    with pytest.raises(BuildTaken):
        apply(late, 1, 2)
    apply(other, 3)
    with pytest.raises(BuildTaken):
        late.swap()
    assert rows() is None
    other.swap()
    assert rows() == [("all", ["1", "2", "3"])]


class Appending:
    """Keeps the texts of all events, whatever is there."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def apply(self, event: Event) -> None:
        self.rows.put("all", [*(self.rows.get("all") or []), event.id])


def test_what_a_late_run_has_applied_is_not_written_even_if_its_projection_would_take_it() -> None:
    late, other = (fresh_build("p", "job1", Appending) for _ in range(2))
    apply(other, 1, 2)
    with pytest.raises(BuildTaken):
        apply(late, 1, 2)
    other.swap()
    assert rows() == [("all", ["1", "2"])]


def test_a_run_whose_projection_fails_on_another_runs_rows_is_late_and_has_not_failed() -> None:
    late, other = build(), build()
    apply(late, 1)
    other = build()
    apply(other, 2)
    with pytest.raises(BuildTaken):
        apply(late, 2, 4)
    with pytest.raises(StoreRefused, match="failed on the event 4"):
        apply(other, 4)
    apply(other, 3)
    assert other.applied == 3


def test_a_run_whose_build_was_discarded_makes_no_build_live_and_leaves_the_live_one() -> None:
    first = build()
    apply(first, 1)
    first.swap()
    late = build("job2")
    build("job2").discard()
    with pytest.raises(BuildTaken):
        apply(late, 1)
    with pytest.raises(BuildTaken):
        late.swap()
    assert rows() == [("all", ["1"])]


def test_an_older_build_never_replaces_one_that_began_later() -> None:
    older = build()
    apply(older, 1)
    newer = build("job2")
    apply(newer, 1, 2)
    newer.swap()
    with pytest.raises(StoreRefused, match="began later is live"):
        older.swap()
    with pytest.raises(StoreRefused, match="began later is live"):
        build()
    assert rows() == [("all", ["1", "2"])]


def test_a_reader_that_has_its_rows_already_reads_the_new_ones_after_a_swap() -> None:
    first = build()
    apply(first, 1)
    first.swap()
    reader = live_rows("p")
    assert reader is not None
    assert reader.get("all") == ["1"]
    second = build("job2")
    apply(second, 1, 2)
    assert reader.get("all") == ["1"]
    second.swap()
    assert (reader.get("all"), reader.get("none")) == (["1", "2"], None)
    assert list(reader.items("a")) == [("all", ["1", "2"])]
    assert list(reader.items("A")) == []
