"""What a replay would do, as the desk plans it: what it counts, what it warns of, and what makes it stale."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.models import Role
from eventstore.index.models import IndexedPartition
from eventstore.jobs import JobRefused
from eventstore.model.errors import InvalidReplay
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Danger, Kind, ReplayPlan, UnreadHazards, Way, What
from tests.people import person
from tests.web.desk import TOPIC, Desk, event
from tests.web.replaying import EVERYTHING, OF_4711, PROJECTION, REPLAY_TOPIC, confirm, declared, furnish, join, plan, trim


@pytest.fixture
def replaying(desk: Desk) -> Iterator[Desk]:
    with declared():
        furnish(desk)
        yield desk


def dangers(found: ReplayPlan) -> set[str]:
    return {one.danger.value for one in found.hazards}


def test_every_choice_is_counted_exactly_and_frozen(replaying: Desk) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for what, events, aggregates in (
        (EVERYTHING, 7, 5),
        (OF_4711, 3, 1),
        (What(kind=Kind.EVENT, events=("e-1", "e-5", "e-1")), 2, 2),
        (What(kind=Kind.SINCE, time=datetime(2020, 1, 1, tzinfo=UTC)), 7, 5),
        (What(kind=Kind.SINCE, time=later), 0, 0),
        (What(kind=Kind.FILTER, filter="id:e-6"), 1, 1),
        (What(kind=Kind.AGGREGATE, aggregate=("patient", "nobody")), 0, 0),
    ):
        found = plan(replaying, what)
        assert (found.events, found.counts.aggregates) == (events, aggregates), what
        assert sum(bounds.events for _, _, bounds in found.order().each()) == events
    of_one = plan(replaying, OF_4711)
    (bounds,) = of_one.choice.topics[replaying.log.topic(TOPIC).name].values()
    assert (bounds.first, bounds.end, bounds.ordinals) == (0, 3, (0, 1, 2))
    assert [one.event_id for one in of_one.first] == ["e-0", "e-1", "e-2"]
    assert of_one.counts.types == {"health.PatientRegistered": 3}
    assert dangers(of_one) == {"no_consumer"}


def test_an_id_means_all_events_that_have_it_unless_they_are_too_many_to_list(
    replaying: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaying.log.append(TOPIC, [event(1)] * 24)
    replaying.index()
    shared = What(kind=Kind.EVENT, events=("e-1",))
    assert plan(replaying, shared).events == 25
    monkeypatch.setattr("eventstore.index.lookup.pointers.MOST_CANDIDATES", 25)
    with pytest.raises(InvalidReplay, match="At least 25 events have the id e-1"):
        plan(replaying, shared)


def test_a_filter_by_payload_is_not_counted_before_it_is_read(replaying: Desk) -> None:
    found = plan(replaying, What(kind=Kind.FILTER, filter='data.name="Erika Mustermann"'))
    assert (found.events, found.looked_at, found.counts.aggregates) == (None, 7, None)
    assert found.approval == ["How many events it takes is not known before they are read."]
    assert found.details()["what"] == {"kind": "filter", "filter": "by values of events"}


def test_a_plan_that_no_job_can_keep_says_so_and_is_not_confirmed(replaying: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    person(Role.SUPPORT)
    monkeypatch.setattr("eventstore.jobs.rows.MOST_ARGUMENTS", 500)
    found = plan(replaying)
    assert found.stops is not None and found.stops.danger is Danger.TOO_LARGE
    with pytest.raises(JobRefused, match="Replay one topic at a time"):
        confirm(replaying, found)


def test_new_events_progress_and_members_leave_a_plan_good(replaying: Desk) -> None:
    before = plan(replaying, EVERYTHING)
    replaying.publish(2, start=20)
    join(replaying, handled=2)
    with replaying.subscriptions.consume(TOPIC, PROJECTION, type=SubscriptionType.FAILOVER, consumer="another"):
        again = plan(replaying, EVERYTHING, until=before.until)
    assert again.events == 7
    assert again.confirmed_by(before.digest)
    assert not plan(replaying, EVERYTHING).confirmed_by(before.digest)  # without the frozen ends it is another plan


def test_a_plan_is_stale_where_events_were_removed_the_cursor_went_back_or_the_type_changed(
    replaying: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan(replaying, EVERYTHING, Way.CURSOR)
    assert plan(replaying, EVERYTHING, Way.CURSOR, until=before.until).confirmed_by(before.digest)
    third = replaying.log.read_forward(TOPIC, 0, limit=3)[2].position
    replaying.subscriptions.reset_cursor(replaying.log.topic(TOPIC).name, PROJECTION, {0: third})
    now = plan(replaying, EVERYTHING, Way.CURSOR, until=before.until)
    assert not now.confirmed_by(before.digest)
    ((topic, own),) = now.audience.own.items()
    for type, confirmed in ((SubscriptionType.SHARED, False), (SubscriptionType.UNKNOWN, True)):
        other = replace(now.audience, own={topic: replace(own, type=type)})
        assert replace(now, audience=other).confirmed_by(now.digest) is confirmed, type
    trim(replaying, 1, monkeypatch)
    trimmed = plan(replaying, EVERYTHING, Way.CURSOR, until=before.until)
    assert (trimmed.events, trimmed.choice.trimmed) == (6, 1)
    assert not trimmed.confirmed_by(now.digest)
    assert "trimmed" in dangers(trimmed)


def test_all_events_are_all_events_in_whatever_words_they_are_asked_for(replaying: Desk) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    first, second = (message.position for message in replaying.log.read_forward(TOPIC, 0, limit=2))
    all_of, says = replaying.log.topic(TOPIC).name, "It replays all events."
    for what, way in (
        (EVERYTHING, Way.TOPIC),
        (What(kind=Kind.SINCE, time=long_ago), Way.TOPIC),
        (What(kind=Kind.SINCE, time=long_ago), Way.CURSOR),
        (What(kind=Kind.SINCE, topic=all_of, positions={0: first.token}), Way.TOPIC),
        (What(kind=Kind.FILTER, filter="type:health.*"), Way.TOPIC),
    ):
        found = plan(replaying, what, way)
        assert (found.events, says in found.approval) == (7, True), what
        left_out = plan(replaying, what, left_out=("patient", "4711"))
        assert (left_out.events, says in left_out.approval) == (4, True), "the rest of a plan is judged as the whole"
        assert says not in plan(replaying, what, only=("patient", "4711")).approval
    part = What(kind=Kind.SINCE, topic=all_of, positions={0: second.token})
    for few in (part, What(kind=Kind.FILTER, filter="id:e-6"), OF_4711, What(kind=Kind.EVENT, events=("e-1",))):
        assert says not in plan(replaying, few).approval, few


def test_a_last_consumer_that_leaves_and_an_index_that_falls_behind_leave_a_plan_good(replaying: Desk) -> None:
    with replaying.subscriptions.consume(REPLAY_TOPIC, PROJECTION, type=SubscriptionType.FAILOVER, consumer="timeline-1"):
        before = plan(replaying, EVERYTHING)
    assert not dangers(before)
    IndexedPartition.objects.update(caught_up_at=datetime(2020, 1, 1, tzinfo=UTC))
    now = plan(replaying, EVERYTHING, until=before.until)
    assert dangers(now) == {"no_consumer", "index_behind"}
    assert now.confirmed_by(before.digest)
    replaying.subscriptions.reset_cursor(
        replaying.log.topic(TOPIC).name, PROJECTION, {0: replaying.log.read_forward(TOPIC, 0, limit=1)[0].position}
    )
    assert not plan(replaying, EVERYTHING, until=before.until).confirmed_by(before.digest)


def test_a_plan_whose_grave_hazards_nobody_has_read_is_not_confirmed_whatever_the_digest_says(replaying: Desk) -> None:
    person("support")
    replaying.subscriptions.create(REPLAY_TOPIC, "archive", type=SubscriptionType.SHARED)
    found = plan(replaying, OF_4711)
    assert [one.danger for one in found.grave] == [Danger.OTHERS]
    for read in ([], ["order"]):
        with pytest.raises(UnreadHazards, match="other subscriptions, which get the copies too: archive"):
            confirm(replaying, found, read=read)
    assert confirm(replaying, found, read=["others"]).progress.total == 3
