"""A replay's run as its kind makes it: what each way is told."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.jobs import Job
from eventstore.projections import ProjectionFace
from eventstore.replays import Bounds, Kind, ReplayOrder, Way, What, kind
from eventstore.replays.kind import WAYS, Means, Run
from tests.jobs.kinds import NO_STORAGE
from tests.redriving import Notes

BOUNDS = Bounds(first=0, end=1, first_token="a", last_token="a")


def run_of(way: Way, external: set[tuple[str, str]]) -> Run:
    order = ReplayOrder(
        projection="p",
        way=way,
        what=What(kind=Kind.EVERYTHING),
        topics={"documents": {0: BOUNDS}},
        subscription="timeline",
        target={Way.TOPIC: "documents-replay", Way.GENERATION: "timeline-v2"}.get(way, ""),
    )
    faces = cast(ProjectionFace, SimpleNamespace(topics=lambda projection: []))
    means = Means(projections=faces, read=cast(Any, None), is_external=lambda *of: of in external, letters=cast(Any, None))
    job = cast(Job, SimpleNamespace(id="1", checkpoint={}))
    return Run(storage=NO_STORAGE, means=means, projection=cast(Any, None), order=order, job=job, worker=Notes())


@pytest.mark.parametrize(
    ("way", "does", "reads"),
    [
        (Way.TOPIC, "replay_by_topic", ("documents-replay", "timeline")),
        (Way.CURSOR, "replay_by_cursor", ("documents", "timeline")),
        (Way.GENERATION, "replay_to_generation", ("documents", "timeline-v2")),
    ],
)
def test_a_way_knows_whether_its_reader_keeps_its_positions_elsewhere(
    monkeypatch: pytest.MonkeyPatch, way: Way, does: str, reads: tuple[str, str]
) -> None:
    """Otherwise it would follow a cursor that never moves, for ever."""
    monkeypatch.setattr(kind, does, lambda *_, **named: named)
    assert WAYS[way](run_of(way, {reads})) == {"external": True}
    assert WAYS[way](run_of(way, {("another", "timeline")})) == {"external": False}
