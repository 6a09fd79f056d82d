"""Which copies may have arrived before, where a replay of several topics is taken up."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.model.events import Position
from eventstore.replays.sending.arrived import Arrived
from eventstore.replays.sending.windows import Window, copier_for


@pytest.mark.parametrize(
    ("last", "reached", "more"),
    [
        ("a/0/5", "3", False),
        ("b/0/5", "3", True),
        ("b/0/5", "5", False),
        ("c/0/5", "9", True),
        ("not a mark", "3", True),
        ("", "3", False),
    ],
    ids=["of an earlier topic", "of this one, behind", "of this one, there", "of a later topic", "does not tell", "none"],
)
def test_more_may_have_arrived_unless_the_last_copy_is_of_an_earlier_topic(last: str, reached: str, more: bool) -> None:
    """Otherwise a filter that finds nothing for long could be neither paused nor cancelled."""

    def labelled(topic: str, partition: int, label: str) -> Position:
        return Position(topic=topic, partition=partition, token=label)

    copier = copier_for(
        cast(Any, None),
        cast(Any, SimpleNamespace(labelled=labelled)),
        job="1",
        partition=0,
        topic="b",
        keys=cast(Any, None),
        schema_problem=lambda version: "",
        there=Arrived(marks=frozenset({last} if last else ()), last=last),
    )
    assert copier.more_has_arrived(Window(last=reached)) is more
