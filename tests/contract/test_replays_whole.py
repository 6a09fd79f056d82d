"""A whole replay in each way, on every driver, from the plan to the last acknowledgement.

The projection is a service as a user would write it. It reads two topics of two partitions, in which single events and batches
of several customers lie; on a broker, such a batch is one entry. A bug made it forget events. After each replay its read model
equals one that is built from nothing, and whoever gets one customer's events gets no one else's.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from eventstore.actions import Actor, Confirmation
from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.jobs import Job, JobRefused, State
from eventstore.local.builds import live_rows
from eventstore.model.events import Message, NewMessage, Topic
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Aim, Kind, Way, What
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually
from tests.indexing import index
from tests.jobs.kinds import Acts
from tests.parts import subscriptions_of
from tests.safeguards import safeguards
from tests.services import Model, Service, sorted_model

EVENTS, KEYS, BROKEN = 24, 5, "k3"
NAME = "app-timeline"
ANNA, BERT = Actor(name="anna"), Actor(name="bert")


@dataclass
class Setting:
    """A desk over two topics, with a projection whose service has forgotten every event of ``BROKEN``."""

    desk: Desk
    topics: Sequence[str]
    replay: str
    model: Model

    def replayed(self, way: Way, what: What, service: Service | None = None, **more: Any) -> Job:
        return self.carried_out(self.desk.replay_plans.aim(self.desk.projections.get("app"), way, what, **more), service)

    def carried_out(self, aim: Aim, service: Service | None = None) -> Job:
        """Plan, confirm, have a second person approve where that is needed, and run it to its end. The service starts once the
        job has begun."""
        job = self.begun(aim)
        with service or nullcontext():
            return self.finished(job)

    def begun(self, aim: Aim) -> Job:
        plans = self.desk.replay_plans
        plan = plans.plan(aim)
        confirmation = Confirmation(digest=plan.digest, since=0)
        aim, read = replace(aim, until=plan.until, ticket="SUP-1"), [one.danger.value for one in plan.grave]
        job = plans.confirm(ANNA, aim, confirmation=confirmation, reason="SUP-1", read=read)
        if job.state is State.WAITING:
            job = plans.approve(BERT, job.id, digest=job.digest)
        self.desk.jobs.run_until_idle()
        return job

    def finished(self, job: Job) -> Job:
        def has_ended() -> bool:
            self.desk.jobs.run_until_idle()
            return self.desk.jobs.get(job.id).state.has_ended

        assert eventually(has_ended), self.desk.jobs.get(job.id)
        return self.desk.jobs.get(job.id)

    def serving(self, subscription: str = NAME, *, topic: str = "", model: Model | None = None, **more: Any) -> Service:
        return Service(self.desk.store, topic or self.topics, subscription, model=model, **more)


def event(number: int) -> NewMessage:
    key = f"k{number % KEYS}"
    properties = {
        "ce_id": f"e{number}",
        "ce_type": "DocumentUploaded",
        "ce_source": "/tests",
        "ce_specversion": "1.0",
        "ce_aggregatetype": "patient",
        "ce_aggregateid": key,
    }
    return NewMessage(payload=b"%03d" % number, key=key, properties=properties)


def whole_model() -> Model:
    return {f"k{key}": [b"%03d" % number for number in range(key, EVENTS, KEYS)] for key in range(KEYS)}


def broken(message: Message) -> bool:
    return message.key == BROKEN


def in_order(messages: Sequence[Message]) -> list[bytes]:
    """The payloads in order, if each topic's came in its own: one has the even numbers, the other the odd ones."""
    found = [message.payload for message in messages]
    for parity in range(2):
        own = [one for one in found if int(one) % 2 == parity]
        assert own == sorted(own), found
    return sorted(found)


@pytest.fixture(autouse=True)
def resting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an index that does not fall behind between a plan and its confirmation, however slow the machine is."""
    monkeypatch.setattr("eventstore.subscriptions.counting.INDEX_IS_FRESH", timedelta(hours=1))
    monkeypatch.setattr("eventstore.replays.watching.following.STAY_SECONDS", 0.0)


@pytest.fixture
def setting(storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    sources, replay = [topic(partitions=2), topic(partitions=2)], topic(partitions=2, suffix="-replay")
    declared = f'''
[[projection]]
name = "app"
purpose = "What patients see"
topics = ["{sources[0].name}", "{sources[1].name}"]
subscription = "{NAME}"
ways = ["cursor", "generation", "topic", "local"]
replay_topic = "{replay.name}"
local = "tests.contract.local_projection.Documents"
'''
    desk = Desk(storage=storage, config=parse_config(declared, "desk.toml"), safeguards=safeguards(Acts()))  # type: ignore[arg-type]
    monkeypatch.setattr("eventstore.drivers.pulsar.client.publishing.MANY", 2)
    for parity, source in enumerate(sources):
        fill(storage, desk, source, range(parity, EVENTS, 2))
    names = [source.name for source in sources]
    with Service(storage, names, NAME, fails_on=broken) as service:
        assert eventually(lambda: len(service.delivered) >= EVENTS)
        assert eventually(lambda: all(subscriptions_of(storage).named(name, NAME).backlog == 0 for name in names))
    assert sorted_model(service.model)[BROKEN] == []
    yield Setting(desk=desk, topics=names, replay=replay.name, model=service.model)
    desk.scans.close()
    desk.tail.close()


def fill(storage: Storage, desk: Desk, topic: Topic, numbers: Sequence[int]) -> None:
    """Publish and index half of these events one by one, and the others together: on a broker, in a batch a partition."""
    half = len(numbers) // 2
    append_singly(storage, topic.name, [event(number) for number in numbers[:half]])
    storage.log.append(topic.name, [event(number) for number in numbers[half:]])
    for partition in range(2):
        messages = storage.log.read_forward(topic.name, partition, limit=100)
        index([desk.read(message) for message in messages], topic=topic, partition=partition)


def test_one_customers_events_come_again_through_the_replay_topic_and_no_one_elses(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order keeps the events one by one; then they are too many for that, and others lie between them."""
    of_one = What(kind=Kind.AGGREGATE, aggregate=("patient", BROKEN))
    service = setting.serving(topic=setting.replay, model=setting.model)
    job = setting.replayed(Way.TOPIC, of_one, service)
    assert (job.state, job.progress.done) == (State.SUCCEEDED, len(whole_model()[BROKEN])), job.problem
    assert in_order(service.delivered) == whole_model()[BROKEN]
    assert {message.properties["replayid"] for message in service.delivered} == {job.id}
    assert sorted_model(setting.model) == whole_model()
    monkeypatch.setattr("eventstore.replays.planning.choosing.MOST_ORDINALS", 2)
    service = setting.serving(topic=setting.replay)
    job = setting.replayed(Way.TOPIC, of_one, service)
    assert (job.state, job.facts["consumed"]) == (State.SUCCEEDED, len(whole_model()[BROKEN])), job.problem
    assert in_order(service.delivered) == whole_model()[BROKEN]


def test_the_reader_of_the_copies_is_made_once_and_gets_none_of_earlier_replays(setting: Setting) -> None:
    """It is deleted while the first replay waits for it, which then says that nothing tells what was consumed."""
    there, what = subscriptions_of(setting.desk.store), What(kind=Kind.AGGREGATE, aggregate=("patient", BROKEN))
    first = setting.begun(setting.desk.replay_plans.aim(setting.desk.projections.get("app"), Way.TOPIC, what))
    there.delete(setting.replay, NAME)
    first = setting.finished(first)
    assert (first.state, first.progress.done) == (State.FAILED, len(whole_model()[BROKEN]))
    assert first.problem.startswith(f"There is no subscription {NAME} on {setting.replay}. It was deleted while this replay")
    there.create(setting.replay, NAME, type=SubscriptionType.SHARED)
    setting.desk.jobs.resume(ANNA, first.id)
    assert setting.finished(first).state is State.FAILED, "a subscription that is made anew has consumed nothing of it"
    there.delete(setting.replay, NAME)
    service = setting.serving(topic=setting.replay, model=setting.model)
    second = setting.replayed(Way.TOPIC, what, service)
    assert (second.state, second.facts["consumed"]) == (State.SUCCEEDED, len(whole_model()[BROKEN])), second.problem
    assert {message.properties["replayid"] for message in service.delivered} == {second.id}


def test_one_aggregate_is_tried_first_and_then_the_rest_of_the_same_plan(setting: Setting) -> None:
    """The rest has neither what was tried, nor what was published since."""
    tried = setting.serving(topic=setting.replay, model=setting.model)
    job = setting.replayed(Way.TOPIC, What(kind=Kind.EVERYTHING), tried, only=("patient", BROKEN))
    assert (job.state, job.approver) == (State.SUCCEEDED, None), job.problem
    assert in_order(tried.delivered) == whole_model()[BROKEN]
    append_singly(setting.desk.store, setting.topics[0], [event(EVENTS)])
    rest = setting.serving(topic=setting.replay, model=setting.model)
    later = setting.carried_out(setting.desk.replay_plans.rest_of(job), rest)
    assert (later.state, later.approver) == (State.SUCCEEDED, BERT), later.problem
    assert {message.properties["replayid"] for message in rest.delivered} == {later.id}
    assert sorted(message.payload for message in [*tried.delivered, *rest.delivered]) == [b"%03d" % n for n in range(EVENTS)]
    assert sorted_model(setting.model) == whole_model()
    with pytest.raises(JobRefused, match="This one is none"):
        setting.desk.replay_plans.rest_of(later)


def test_by_its_cursor_the_projection_reads_everything_again(setting: Setting) -> None:
    job = setting.replayed(Way.CURSOR, What(kind=Kind.EVERYTHING), setting.serving(model=setting.model))
    assert (job.state, job.facts["consumed"]) == (State.SUCCEEDED, EVENTS), job.problem
    assert sorted_model(setting.model) == whole_model()


def test_a_new_generation_is_built_from_nothing_and_then_is_what_the_old_one_should_have_been(setting: Setting) -> None:
    before = sorted_model(setting.model)
    service = setting.serving(f"{NAME}-v2")
    job = setting.replayed(Way.GENERATION, What(kind=Kind.EVERYTHING), service)
    assert (job.state, job.facts["generation"]) == (State.SUCCEEDED, f"{NAME}-v2"), job.problem
    assert sorted_model(service.model) == whole_model()
    assert sorted_model(setting.model) == before
    found = setting.desk.generations.compare(setting.desk.projections.get("app"), f"{NAME}-v2")
    assert (found.present.waiting, found.other.waiting) == (0, 0)


def test_a_local_projection_is_built_from_nothing(setting: Setting) -> None:
    job = setting.replayed(Way.LOCAL, What(kind=Kind.EVERYTHING))
    assert (job.state, job.facts["applied"]) == (State.SUCCEEDED, EVENTS), job.problem
    rows = live_rows("app")
    assert rows is not None
    assert sorted_model({key: [text.encode() for text in texts] for key, texts in rows.items()}) == whole_model()
