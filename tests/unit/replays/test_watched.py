"""How much a replay is to give, by what its job has handled."""

from dataclasses import replace
from typing import Any, cast

import pytest

from eventstore.jobs import Job, Progress
from eventstore.replays import Kind, ReplayOrder, Watched, Way, What
from eventstore.replays.watching import Looks

ORDER = ReplayOrder(
    projection="p", way=Way.TOPIC, what=What(kind=Kind.EVERYTHING), topics={}, subscription="p", target="t", events=10
)


def watched(progress: Progress, **other: Any) -> Watched:
    job = type("Told", (), {"progress": progress, "facts": {}})()
    return Watched(job=cast(Job, job), order=replace(ORDER, **other), looks=Looks())


@pytest.mark.parametrize(
    ("progress", "events", "total"),
    [
        (Progress(done=4, total=10), 10, 10),
        (Progress(done=9, failed=1, total=10), 10, 9),
        (Progress(done=4, skipped=2, total=50), None, None),
        (Progress(done=12, skipped=38, total=50), None, 12),
        (Progress(skipped=50, total=50), None, 0),
    ],
)
def test_what_does_not_match_or_cannot_be_sent_is_not_waited_for(
    progress: Progress, events: int | None, total: int | None
) -> None:
    assert watched(progress, events=events).total == total


def test_without_copies_everything_is_given_that_lies_in_the_range() -> None:
    assert watched(Progress(done=3, total=20), way=Way.CURSOR, events=10).total == 20
