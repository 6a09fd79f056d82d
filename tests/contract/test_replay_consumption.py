"""What of a replay is consumed, on every store: from the cursors alone, by the index's counts, and copy by copy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from eventstore.envelope import read_event
from eventstore.jobs import Interruption, JobInterrupted, Progress
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.order import REPLAY_ID, REPLAY_OF
from eventstore.replays.watching import (
    Consumption,
    Follow,
    Looks,
    Stretch,
    consumption_of,
    copies_in,
    counted_by_copies,
    follow,
    following,
)
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, receive_until, whole_log
from tests.indexing import index
from tests.parts import subscriptions_of
from tests.redriving import Notes

SHARED, NAME, JOB = SubscriptionType.SHARED, "app-timeline", "0123456789ab"


class Resting(Notes):
    """A worker that notes for how long its run rests."""

    rests_for = 0.0

    def rest(self, checkpoint: Any, progress: Progress, seconds: float) -> Any:
        self.save(checkpoint, progress)
        self.rests_for = seconds
        raise JobInterrupted(Interruption.REST)


@dataclass
class Replayed:
    """A replay topic with two partitions: an older message, then the copies of a job in one call, one to each key."""

    storage: Storage
    topic: Topic
    copies: Sequence[Position] = ()
    stretches: Sequence[Stretch] = ()
    looks: Looks = field(default_factory=Looks)

    def send(self, count: int) -> None:
        before = {ends.partition: ends.last for ends in self.storage.log.ends(self.topic.name)}
        self.copies = append_singly(self.storage, self.topic.name, [copy(number) for number in range(count)])
        self.stretches = [
            Stretch(
                topic=self.topic.name,
                partition=partition,
                behind=last.token if (last := before[partition]) else "",
                last=max(place.token for place in self.copies if place.partition == partition),
                events=sum(place.partition == partition for place in self.copies),
            )
            for partition in sorted({place.partition for place in self.copies})
        ]

    def index(self) -> None:
        for partition in range(self.topic.partitions):
            index([read_event(message) for message in self.log(partition)], topic=self.topic, partition=partition)

    def log(self, partition: int) -> Sequence[Message]:
        return whole_log(self.storage, self.topic.name, partition)

    def look(self) -> Consumption:
        return consumption_of(self.storage, NAME, self.stretches)

    def follow(self, worker: Resting) -> Any:
        what = Follow(
            job=JOB,
            subscription=NAME,
            stretches=self.stretches,
            looks=self.looks,
            checkpoint=self.looks.as_json,
            progress=Progress,
        )
        return follow(self.storage, what, worker)


def copy(number: int) -> NewMessage:
    properties = {REPLAY_ID: JOB, REPLAY_OF: f"documents/0/1:{number}"}
    return NewMessage(payload=b"%d" % number, key=f"k{number % 5}", properties=properties)


@pytest.fixture
def replayed(storage: Storage, topic: MakeTopic) -> Replayed:
    there = topic(partitions=2)
    append_singly(storage, there.name, [NewMessage(payload=b"older", key=f"k{number}") for number in range(5)])
    subscriptions_of(storage).create(there.name, NAME, type=SHARED, start=Edge.EARLIEST)
    made = Replayed(storage=storage, topic=there)
    made.send(10)
    return made


def test_what_is_consumed_is_counted_and_a_replay_is_followed_until_all_is(
    replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STAY_SECONDS", 0.0)
    assert (replayed.look().consumed, replayed.look().exact) == (0, True), "nothing of it, which needs no index"
    worker = Resting()
    with pytest.raises(JobInterrupted):
        replayed.follow(worker)
    assert worker.rests_for >= following.SHORTEST_REST
    assert Looks.of(worker.checkpoint) == replayed.looks
    with subscriptions_of(replayed.storage).consume(replayed.topic.name, NAME, type=SHARED, consumer="c") as consumer:
        given = receive_until(consumer, 15)
        older = [message for message in given if message.payload == b"older"]
        for message in older:
            consumer.acknowledge(message.position)
        consumer.acknowledge(replayed.copies[2])
        assert eventually(lambda: not replayed.look().exact), "without the index, only whole stretches can be told"
        replayed.index()
        assert eventually(lambda: (replayed.look().consumed, replayed.look().exact) == (1, True))
        found = replayed.look()
        assert found.consumers in (1, None) and not found.all_consumed
        assert found.slowest is not None and found.slowest.left == max(part.left for part in found.parts)
        with pytest.raises(JobInterrupted):
            replayed.follow(worker)
        assert len(replayed.looks.seen) == 1
        for place in replayed.copies:
            consumer.acknowledge(place)
        assert eventually(lambda: replayed.look().all_consumed)
    assert replayed.follow(worker) == {"consumed": 10}
    assert len(replayed.looks.seen) == 10
    assert (replayed.look().exact, replayed.look().slowest, replayed.look().left) == (True, None, 0)


def test_copies_are_told_one_by_one_and_those_of_other_jobs_are_not(replayed: Replayed) -> None:
    lines = copies_in(replayed.storage.log, replayed.stretches, JOB)
    assert sorted(line.of for line in lines) == sorted(f"documents/0/1:{number}" for number in range(10))
    assert copies_in(replayed.storage.log, replayed.stretches, "another") == []


def test_among_messages_of_others_at_least_so_many_are_consumed(replayed: Replayed) -> None:
    """Three messages of others lie among the copies, and nothing tells which of the five acknowledged ones they are."""
    stretches = [
        Stretch(topic=one.topic, partition=one.partition, behind="", last=one.last, events=one.events)
        for one in replayed.stretches
    ]
    replayed.index()
    with subscriptions_of(replayed.storage).consume(replayed.topic.name, NAME, type=SHARED, consumer="c") as consumer:
        for message in receive_until(consumer, 15):
            if message.payload == b"older":
                consumer.acknowledge(message.position)
        consumer.acknowledge(replayed.copies[0])
        assert eventually(lambda: subscriptions_of(replayed.storage).named(replayed.topic.name, NAME).backlog == 9)
        found = consumption_of(replayed.storage, NAME, stretches)
        assert (found.consumed, found.exact) == (1, False)
        exact = counted_by_copies(found, copies_in(replayed.storage.log, stretches, JOB))
        assert (exact.consumed, exact.exact, exact.left) == (1, True, 9)
        assert counted_by_copies(found, copies_in(replayed.storage.log, stretches, JOB)[1:]).exact is False


def test_nothing_is_known_of_a_subscription_that_is_gone_or_keeps_its_positions_elsewhere(replayed: Replayed) -> None:
    gone = consumption_of(replayed.storage, "nobody", replayed.stretches)
    assert gone.unknown == f"There is no subscription nobody on {replayed.topic.name}."
    external = consumption_of(replayed.storage, NAME, replayed.stretches, external=True)
    assert "keep their positions elsewhere" in external.unknown
    assert not gone.all_consumed and not external.all_consumed
