"""What a driver tells to whoever needs no more than that, and waits for it: it is what the larger questions tell too."""

import pytest

from eventstore.copying import noted_end
from eventstore.model.copying import Copy
from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage, copying_of
from eventstore.model.subscriptions import Subscription, SubscriptionType
from eventstore.replays.order import REPLAY_ID
from tests.contract.conftest import MakeTopic
from tests.parts import subscriptions_of
from tests.redriving import messages_in


def test_who_is_there_is_told_without_their_cursors(storage: Storage, topic: MakeTopic) -> None:
    name, there = topic(partitions=2).name, subscriptions_of(storage)
    assert list(there.members(name)) == []
    there.create(name, "zeta", type=SubscriptionType.SHARED)
    with there.consume(name, "alpha", type=SubscriptionType.FAILOVER, consumer="c"):
        assert [_told(one) for one in there.members(name)] == [_told(one) for one in there.of_topic(name)]
        assert [one.name for one in there.members(name)] == ["alpha", "zeta"]


def _told(one: Subscription) -> tuple[str, str, str, list[str]]:
    return one.topic, one.name, one.type.value, sorted({consumer.name for consumer in one.consumers})


@pytest.mark.parametrize("before", [0, 3])
def test_a_publisher_says_where_each_partition_ended_before_it_sent_anything(
    storage: Storage, topic: MakeTopic, before: int
) -> None:
    target = topic(partitions=2, suffix="-replay").name
    storage.log.append(target, [NewMessage(payload=b"%d" % number, key="k") for number in range(before)])
    ends = storage.log.ends(target)
    source = topic().name
    storage.log.append(source, [NewMessage(payload=b"")])
    copies = [Copy(partition=number, message=one) for number in range(2) for one in messages_in(storage, source, 0)]
    mark = (REPLAY_ID, "job1")
    with copying_of(storage).open_publisher(target, partitions=[0, 1], mark=mark, schemas={"": None}) as publisher:
        publisher.send(copies).settle()
        starts = {number: (start.place, start.empty) for number, start in publisher.starts.items()}
    assert starts == {one.partition: (noted_end(one), one.last is None) for one in ends}
    assert all(after.farthest and after.farthest.token > starts[after.partition][0] for after in storage.log.ends(target))
