"""What a replay must not begin with: a part of what is built anew, or cursors that the store does not tell."""

from collections.abc import Sequence
from typing import cast

import pytest

from eventstore.config.projections import Projection
from eventstore.model.errors import InvalidReplay, StoreUnreachable
from eventstore.model.events import Topic
from eventstore.model.log import Log
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.projections import ProjectionFace
from eventstore.replays.order import Bounds, Kind, ReplayOrder, Way, What
from eventstore.replays.planning.aiming import Aim, topics_of
from eventstore.replays.planning.audience import Audience
from eventstore.replays.planning.choosing import Choice
from eventstore.replays.planning.hazards import Danger, Facts, Hazard, hazards_of
from eventstore.replays.ways.cursor import _moves
from eventstore.replays.ways.state import WayState


class Declared:
    """As much of ``ProjectionFace`` as ``topics_of`` asks."""

    def topics(self, projection: Projection) -> Sequence[Topic]:
        return [Topic(name=name, partitions=1) for name in projection.topics]


def names(way: Way, topics: tuple[str, ...], topic: str) -> list[str]:
    projection = Projection(name="app", purpose="", topics=topics, subscription="app", ways=tuple(Way))
    face = cast("ProjectionFace", Declared())
    what = What(kind=Kind.EVERYTHING, topic=topic)
    aim = Aim(projections=face, is_external=lambda topic, name: False, projection=projection, way=way, what=what)
    return [found.name for found in topics_of(aim)]


@pytest.mark.parametrize("way", [Way.LOCAL, Way.GENERATION])
def test_what_is_built_anew_is_built_from_all_topics(way: Way) -> None:
    with pytest.raises(InvalidReplay, match="from all of its 2 topics"):
        names(way, ("a", "b"), "a")
    assert names(way, ("a", "b"), "") == ["a", "b"]
    assert names(way, ("a",), "a") == ["a"]
    assert names(Way.CURSOR, ("a", "b"), "a") == ["a"]


def hazards(way: Way, trimmed: int | None) -> Sequence[Hazard]:
    return hazards_of(
        Facts(
            way=way,
            name="app",
            choice=Choice(topics={}, known=None, events=3, trimmed=trimmed),
            audience=Audience(own={}),
            ordered=False,
            external=False,
            lists_consumers=False,
            index_behind=False,
            not_indexed=[],
            running="",
        )
    )


@pytest.mark.parametrize("trimmed", [7, None])
def test_rows_are_not_replaced_by_rows_that_lack_what_removed_events_have_built(trimmed: int | None) -> None:
    [lacks] = hazards(Way.LOCAL, trimmed)
    assert (lacks.danger, lacks.stops) == (Danger.LACKS, True)
    [first] = hazards(Way.GENERATION, trimmed)
    assert (first.danger, first.stops) == (Danger.NOT_FIRST, False)


@pytest.mark.parametrize("cursors", [[Cursor(partition=0, acknowledged=None, backlog=0)], None])
def test_a_cursor_of_which_the_store_tells_nothing_is_not_taken_for_one_that_was_moved(
    cursors: Sequence[Cursor] | None,
) -> None:
    silent = [Cursor(partition=at, acknowledged=None, backlog=0, told=at == 0) for at in range(2)]
    bounds = {at: Bounds(first=0, end=3, first_token="a", last_token="c") for at in range(2)}
    order = ReplayOrder(
        projection="app", way=Way.CURSOR, what=What(kind=Kind.EVERYTHING), topics={"t": bounds}, subscription="app"
    )
    subscription = Subscription(topic="t", name="app", type=SubscriptionType.SHARED, cursors=cursors or silent)
    state = WayState()
    with pytest.raises(StoreUnreachable, match="in the partitions 1"):
        _moves(cast("Log", None), order, "t", subscription, state)
    assert (state.ready, state.stood) == ({}, {})
