"""Which subscriptions a replay keeps others from moving or deleting."""

from dataclasses import replace
from typing import cast

import pytest

from eventstore.actions import subscription_resource
from eventstore.config.projections import Way
from eventstore.jobs import Job
from eventstore.replays import REPLAY_EVENTS
from tests.unit.replays.test_order import BOUNDS, ORDER, PATIENTS

LETTERS, EMPTY = "persistent://clinic/care/letters", "persistent://clinic/care/empty"
TOPICS = {PATIENTS: {0: BOUNDS}, LETTERS: {0: BOUNDS}}


class Asked:
    """As much of a job as is looked at. Its own resource is of the projection's first topic, which may have no event."""

    resource = subscription_resource(EMPTY, "app-timeline")

    def __init__(self, way: Way, target: str) -> None:
        self.arguments = replace(ORDER, way=way, topics=TOPICS, target=target).as_json()


@pytest.mark.parametrize(
    "way, target, held",
    [
        (Way.TOPIC, f"{PATIENTS}-replay", [(f"{PATIENTS}-replay", "app-timeline")]),
        (Way.CURSOR, "", [(topic, "app-timeline") for topic in (EMPTY, LETTERS, PATIENTS)]),
        (Way.GENERATION, "app-timeline-v2", [(topic, "app-timeline-v2") for topic in (EMPTY, LETTERS, PATIENTS)]),
        (Way.LOCAL, "", []),
    ],
)
def test_a_replay_holds_every_subscription_that_it_moves_or_reads(way: Way, target: str, held: list[tuple[str, str]]) -> None:
    found = REPLAY_EVENTS.holds(cast(Job, Asked(way, target)))
    assert list(found) == [subscription_resource(*one) for one in held]
