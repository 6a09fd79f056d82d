"""Whether what a job or an act of the record says names something outside of a scope."""

from typing import Any

import pytest

from dashboard.access.scopes import Scope
from dashboard.scoping.sight import Sight
from eventstore.config import Config
from eventstore.model import IndexedTopic
from eventstore.replays import Bounds, Kind, ReplayOrder, Way, What

HIDDEN_TOPICS = ("public/default/events", "public/default/letters", "public/default/filter")
SCOPE = Scope(topics=("patients",), aggregate_types=("patient",))


def nothing(*asked: object) -> Any:
    raise AssertionError(asked)


@pytest.fixture
def sight() -> Sight:
    names = ("public/default/patients", *HIDDEN_TOPICS)
    topics = [IndexedTopic(topic=name, kind="events", partitions=1, events=1, caught_up_at=None) for name in names]
    types = ["patient", "event", "aggregate", "address", "support"]
    return Sight(SCOPE, Config(), topics=lambda: topics, types=lambda: types, read=nothing, rows_of=nothing)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_replay_names_nothing_by_the_words_of_its_order(sight: Sight, kind: Kind) -> None:
    order = ReplayOrder(
        projection="app",
        way=Way.TOPIC,
        what=What(kind=kind),
        topics={"public/default/patients": {0: Bounds(first=0, end=1, first_token="a", last_token="b")}},
        subscription="app",
        approval=("It is of more than 2 events.",),
    )
    assert not sight.mentions_hidden(order.as_json())


@pytest.mark.parametrize(
    "details",
    [
        {"events": 3, "values": {"email": 2}, "digest": "events"},
        {"letters": 7, "topic": "patients", "from": "earliest"},
        {"address": "10.0.0.7", "role": "support", "reason": "about events"},
        {"job": "4f", "kind": "event"},
    ],
)
def test_an_act_names_nothing_by_the_names_of_its_details(sight: Sight, details: dict[str, Any]) -> None:
    assert not sight.mentions_hidden(details)


@pytest.mark.parametrize(
    "details",
    [
        {"topics": {"public/default/events": {"0": 3}}},
        {"topics": {"events": {}}},
        {"until": {"events": {"0": 3}}},
        {"positions": {"events-0": "7"}},
        {"places": {"0": "7@0@public/default/events"}},
        {"topics": ["patients", "events"]},
        {"what": {"kind": "aggregate", "aggregate": ["event", "4711"]}},
        {"what": {"kind": "filter", "filter": "aggregate:event/4711"}},
        {"target": "letters"},
        {"of": "events mailer"},
        {"never heard of": {"events": 3}},
        {"kind": {"events": 3, "x": "letters"}},
    ],
)
def test_an_act_that_names_what_is_hidden_is_found(sight: Sight, details: dict[str, Any]) -> None:
    assert sight.mentions_hidden(details)
