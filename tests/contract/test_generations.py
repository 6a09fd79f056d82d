"""Generations on every driver: compared while both are read, promoted by a decision, discarded when nobody reads them."""

from dataclasses import replace

import pytest

from eventstore.actions import Actor, Confirmation, Ending
from eventstore.actions.perform import perform_plan
from eventstore.model.events import Event, Message
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.generations import (
    DISCARD_GENERATION,
    PROMOTE_GENERATION,
    Doubt,
    GenerationAim,
    GenerationRefused,
    compared,
    generation_resource,
)
from eventstore.replays.generations.compared import pairs_of
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, numbered
from tests.indexing import index
from tests.parts import subscriptions_of
from tests.safeguards import Lines, safeguards

PRESENT, NEXT = "app-timeline", "app-timeline-v2"
ACTOR = Actor(name="anna")


@pytest.fixture
def aim(storage: Storage, topic: MakeTopic) -> GenerationAim:
    """Two topics with five events each. The present generation has read all of them, and the next one none."""
    names = [topic().name, topic(partitions=2).name]
    for name in names:
        append_singly(storage, name, numbered(5))
        subscriptions_of(storage).create(name, PRESENT, type=SubscriptionType.SHARED, start=Edge.LATEST)
        subscriptions_of(storage).create(name, NEXT, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
        there = storage.log.topic(name)
        for partition in range(there.partitions):
            found = storage.log.read_forward(name, partition, limit=10)
            index([_event(message) for message in found], topic=there, partition=partition)
    return GenerationAim(topics=names, present=PRESENT, is_generation=lambda name: name in (PRESENT, NEXT, f"{PRESENT}-v3"))


def _event(message: Message) -> Event:
    id = message.position.encode()
    return Event(message=message, id=id, time=message.published, data=b"", aggregate_type="t", aggregate_id="k", type="t")


def handled(storage: Storage, aim: GenerationAim, name: str) -> None:
    for topic in aim.topics:
        ends = {each.partition: each.last for each in storage.log.ends(topic) if each.last}
        subscriptions_of(storage).skip(topic, name, ends)
        assert eventually(lambda topic=topic: subscriptions_of(storage).named(topic, name).backlog == 0)  # type: ignore[misc]


def test_two_generations_are_compared_by_what_they_have_read_and_by_what_their_read_models_tell(
    storage: Storage, aim: GenerationAim
) -> None:
    told = {"documents": "12", "build": "v1"}
    pairs = pairs_of(told, {"documents": "12", "build": "v2", "new": "1"})
    found = replace(compared(storage, aim, NEXT), values=pairs)
    assert (found.present.waiting, found.other.waiting, found.behind) == (0, 10, 10)
    assert (found.present.percent, found.other.percent) == (100, 0)
    assert [(pair.name, pair.same) for pair in found.values] == [("documents", True), ("build", False), ("new", False)]
    assert found.differing == 2
    assert compared(storage, aim, "app-timeline-v3").other.missing == aim.topics


def test_promoting_names_its_doubts_and_a_new_one_makes_the_plan_stale(storage: Storage, aim: GenerationAim) -> None:
    resource = generation_resource(aim, NEXT)
    first = PROMOTE_GENERATION.plan(storage, resource, aim)
    assert first.doubts == [Doubt.BEHIND, Doubt.NOBODY]
    handled(storage, aim, NEXT)
    better = PROMOTE_GENERATION.plan(storage, resource, aim)
    assert better.doubts == [Doubt.NOBODY]
    assert better.confirmed_by(first.digest) and not first.confirmed_by(better.digest)
    record = Lines()
    done = perform_plan(
        safeguards(record), ACTOR, PROMOTE_GENERATION, storage, resource, aim, reason="", confirmation=confirmed(first.digest)
    )
    assert done.outcome.ending is Ending.DONE
    assert record.lines[0][5]["instead_of"] == PRESENT
    with pytest.raises(GenerationRefused, match="already"):
        PROMOTE_GENERATION.plan(storage, generation_resource(aim, PRESENT), aim)
    subscriptions_of(storage).delete(aim.topics[1], NEXT)
    with pytest.raises(GenerationRefused, match="no consumer would get"):
        PROMOTE_GENERATION.plan(storage, resource, aim)


def test_a_generation_is_discarded_from_every_topic_unless_it_is_the_present_one_or_read(
    storage: Storage, aim: GenerationAim
) -> None:
    resource, there = generation_resource(aim, NEXT), subscriptions_of(storage)
    with pytest.raises(GenerationRefused, match="configuration names it"):
        DISCARD_GENERATION.plan(storage, generation_resource(aim, PRESENT), aim)
    for action in (DISCARD_GENERATION, PROMOTE_GENERATION):
        with pytest.raises(GenerationRefused, match="no generation beside"):
            action.plan(storage, resource, replace(aim, is_generation=lambda name: False))
    with pytest.raises(GenerationRefused, match="it may be the one in use"):
        DISCARD_GENERATION.plan(storage, generation_resource(aim, PRESENT), replace(aim, present=NEXT, declared=False))
    with there.consume(aim.topics[1], NEXT, type=SubscriptionType.SHARED, consumer="c") as consumer:
        consumer.receive(limit=1, timeout=5)
        assert eventually(lambda: bool(there.named(aim.topics[1], NEXT).consumers))
        with pytest.raises(GenerationRefused, match="Stop the consumers"):
            DISCARD_GENERATION.plan(storage, resource, aim)
    assert eventually(lambda: not there.named(aim.topics[1], NEXT).consumers)
    plan = DISCARD_GENERATION.plan(storage, resource, aim)
    append_singly(storage, aim.topics[0], numbered(1, start=5))
    done = perform_plan(
        safeguards(), ACTOR, DISCARD_GENERATION, storage, resource, aim, reason="", confirmation=confirmed(plan.digest)
    )
    assert done.outcome.ending is Ending.DONE
    assert [one.name for topic in aim.topics for one in there.of_topic(topic)] == [PRESENT, PRESENT]
    assert DISCARD_GENERATION.shows(storage, resource, done.plan.details()) == {"subscription": "is not there"}
    with pytest.raises(GenerationRefused, match="discarded already"):
        DISCARD_GENERATION.plan(storage, resource, aim)


def confirmed(digest: str) -> Confirmation:
    return Confirmation(digest=digest, since=0)
