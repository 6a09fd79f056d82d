"""What a job keeps of a replay."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from eventstore.config.projections import Way
from eventstore.jobs.rows import arguments_fit
from eventstore.model.events import Position
from eventstore.model.tokens import encode
from eventstore.replays.order import MOST_ORDINALS, Bounds, Kind, ReplayOrder, What, mark_of

PATIENTS = "persistent://clinic/care/patients"
BOUNDS = Bounds(first=3, end=9, first_token="0003", last_token="0008", build=7)
ORDER = ReplayOrder(
    projection="app-timeline",
    way=Way.TOPIC,
    what=What(kind=Kind.AGGREGATE, aggregate=("patient", "4711")),
    topics={PATIENTS: {2: BOUNDS, 0: replace(BOUNDS, ordinals=(3, 5, 8))}},
    subscription="app-timeline",
    target=f"{PATIENTS}-replay",
    events=9,
    aggregates=1,
    ticket="SUP-8812",
    digest="9f31c2",
)


def through_json(order: ReplayOrder) -> ReplayOrder:
    return ReplayOrder.of(json.loads(json.dumps(order.as_json())))


def test_an_order_survives_json() -> None:
    rest = replace(ORDER, events=None, canary_of="0123456789ab", left_out=("patient", "4711"))
    assert through_json(ORDER) == ORDER
    assert through_json(rest) == rest


def test_every_choice_survives_json() -> None:
    since = datetime(2026, 11, 30, 8, 15, 0, 123456, tzinfo=UTC)
    for what in (
        What(kind=Kind.EVERYTHING, topic=PATIENTS),
        What(kind=Kind.SINCE, time=since),
        What(kind=Kind.SINCE, topic=PATIENTS, positions={0: "0003", 11: "0a"}),
        What(kind=Kind.EVENT, events=("e-1", "ü/\n")),
        What(kind=Kind.FILTER, filter='type = "a\\"b"', time=since),
    ):
        assert What.of(json.loads(json.dumps(what.as_json()))) == what


def test_a_job_can_keep_as_many_single_events_as_an_order_has_even_late_in_a_long_log() -> None:
    ordinals = tuple(range(9_000_000_000, 9_000_000_000 + 200_000 * MOST_ORDINALS, 200_000))
    order = replace(ORDER, topics={PATIENTS: {0: replace(BOUNDS, ordinals=ordinals)}})
    assert through_json(order) == order
    assert arguments_fit(order.as_json())


def test_a_job_can_keep_the_ends_of_two_topics_with_300_partitions_and_single_events_beside_them() -> None:
    token = encode(123_456_789, 123_456, 0, 99)
    bounds = Bounds(first=9_000_000_000, end=9_000_000_001, first_token=token, last_token=token, build=1_234)
    topics = {f"{PATIENTS}-{n}": dict.fromkeys(range(300), bounds) for n in range(2)}
    order = replace(ORDER, topics=topics, until={topic: dict.fromkeys(range(300), bounds.end) for topic in topics})
    assert through_json(order) == order
    ordinals = tuple(range(9_000_000_000, 9_000_000_000 + 200_000 * MOST_ORDINALS, 200_000))
    more = replace(order, topics={**topics, PATIENTS: {0: replace(BOUNDS, ordinals=ordinals)}})
    assert arguments_fit(more.as_json())


def test_an_order_goes_through_its_partitions_in_order_and_says_how_many_events_are_read() -> None:
    assert [(topic, partition) for topic, partition, _ in ORDER.each()] == [(PATIENTS, 0), (PATIENTS, 2)]
    assert ORDER.looked_at == 3 + 6


def test_the_mark_of_a_copy_names_the_place_of_its_original() -> None:
    position = Position(topic=PATIENTS, partition=2, token="00ab", label="118:4021:3")
    assert mark_of(position) == f"{PATIENTS}/2/118:4021:3"
