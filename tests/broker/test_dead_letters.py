"""Real dead letters of Python's and of Java's client: found, matched with their originals, kept from retention, and buried."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.actions import Ending, Running, subscription_resource
from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.letters import BURY_LETTERS, KEEP_LETTERS, KEEPER, BurialPlan, DeadLetterTopic, Letter
from eventstore.model.events import Position
from tests.broker.test_delivery import index_all, publish
from tests.contract.helpers import eventually
from tests.java_producer import run_java
from tests.namespaces import Broker
from tests.stream_check import looking

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

JAVA = Path(__file__).parents[1] / "java" / "Letters.java"
DECLARED = parse_config('[[subscription]]\nname = "later"\nreason = ["why"]\n', "desk.toml")
NAME = "mailer"


def publish_batch_of(client: Any, topic: str, count: int) -> None:
    """Publish events as one entry."""
    producer = client.create_producer(
        f"persistent://{topic}", batching_enabled=True, batching_max_messages=count, batching_max_publish_delay_ms=60_000
    )
    for number in range(count):
        properties = {"ce_specversion": "1.0", "ce_id": f"{topic}-{number}", "ce_type": "numbered", "ce_source": "/tests"}
        producer.send_async(b"{}", None, properties=properties, partition_key="k1")
    producer.flush()
    producer.close()


def give_up(client: Any, topic: str, refused: Sequence[int], until: Callable[[], bool]) -> None:
    """Consume as a service does that cannot handle these events, until that holds."""
    consumer = client.subscribe(
        f"persistent://{topic}",
        NAME,
        consumer_type=pulsar.ConsumerType.Shared,
        initial_position=pulsar.InitialPosition.Earliest,
        negative_ack_redelivery_delay_ms=100,
        dead_letter_policy=pulsar.ConsumerDeadLetterPolicy(1),
    )

    def done() -> bool:
        try:
            message = consumer.receive(100)
        except pulsar.Timeout:
            return until()
        number = int(message.properties()["ce_id"].rpartition("-")[2])
        consumer.negative_acknowledge(message) if number in refused else consumer.acknowledge(message)
        return False

    assert eventually(done)
    consumer.close()


def dead_of(desk: Desk, topic: str, name: str = NAME) -> list[DeadLetterTopic]:
    found = [one.topic for one in desk.letters.topics(topic, name) if one.topic.name.endswith("-DLQ")]
    return [desk.letters.look(each, topic) for each in found]


def letters_of(desk: Desk, topic: str, name: str = NAME) -> list[Letter]:
    return [letter for dead in dead_of(desk, topic, name) for piece in desk.letters.pieces(dead) for letter in piece]


def letters_there(desk: Desk, storage: PulsarStorage, topic: str, count: int) -> Callable[[], bool]:
    def there() -> bool:
        index_all(storage)
        return len(letters_of(desk, topic)) == count

    return there


def numbers(letters: Sequence[Letter]) -> list[int]:
    """Of the originals: each letter has found its own."""
    found = [(letter.original, letter.pointer) for letter in letters]
    assert all(original is not None and original.event_id == pointer.event_id for original, pointer in found)
    return sorted(int(pointer.event_id.rpartition("-")[2]) for _, pointer in found)


def buried(storage: PulsarStorage, topic: str, positions: Sequence[Position]) -> tuple[BurialPlan, Running]:
    plan = BURY_LETTERS.plan(storage, subscription_resource(topic, KEEPER), positions)
    act = Running(lease=None)
    BURY_LETTERS.execute(storage, plan, act)
    return plan, act


def test_letters_of_pythons_client_find_their_originals_alone_in_batches_and_in_partitions(
    alone: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    desk = looking(alone)
    parts = alone.log.create_topic("letters-parts", partitions=2).name
    publish(client, parts, range(8), batched=False)
    give_up(client, parts, [1, 2, 6], letters_there(desk, alone, parts, 3))
    found = letters_of(desk, parts)
    assert numbers(found) == [1, 2, 6]
    assert {letter.came_along for letter in found} == {0}
    assert {letter.origin.subscription for letter in found} == {""}
    assert {letter.origin.tries for letter in found} == {None}
    assert all(letter.is_of(parts, NAME) and letter.original is not None for letter in found)

    batch = alone.log.create_topic("letters-batch").name
    publish_batch_of(client, batch, 5)
    give_up(client, batch, [3], letters_there(desk, alone, batch, 5))
    together = letters_of(desk, batch)
    assert numbers(together) == [0, 1, 2, 3, 4]
    assert {letter.came_along for letter in together} == {4}, "one refused event makes letters of its whole batch"
    [dead] = dead_of(desk, batch)
    assert (dead.kept, dead.keeper, dead.waits) == (False, None, 5)
    keep_and_bury(desk, alone, dead, together, admin)


def keep_and_bury(
    desk: Desk, storage: PulsarStorage, dead: DeadLetterTopic, letters: Sequence[Letter], admin: httpx.Client
) -> None:
    """The desk's subscription has all letters, from the first on, and loses those that are buried, and no other."""
    topic = dead.topic.name
    act = Running(lease=None)
    KEEP_LETTERS.execute(storage, KEEP_LETTERS.plan(storage, subscription_resource(topic, KEEPER), None), act)
    assert [part.ending for part in act.parts] == [Ending.DONE]
    assert list(admin.get(f"persistent/{topic}/stats").json()["subscriptions"]) == [KEEPER]
    whole = [letter for letter in letters if letter.shares_entry == letters[0].shares_entry]
    entry = storage.log.entry(letters[1].position)
    chosen = [letter for letter in whole if storage.log.entry(letter.position) == entry]
    if len(chosen) > 1:  # the client sent several letters as one entry
        alone, _ = buried(storage, topic, [chosen[0].position])
        assert ([letter.position for letter in alone.letters], len(alone.apart)) == ([], 1)
    plan, act = buried(storage, topic, [letter.position for letter in chosen])
    assert (len(plan.letters), [part.ending for part in act.parts]) == (len(chosen), [Ending.DONE])
    again = desk.letters.look(dead.topic, dead.source)
    left = [letter.position for piece in desk.letters.pieces(again) for letter in piece]
    assert left == [letter.position for letter in letters if letter not in chosen]
    assert not buried(storage, topic, [letter.position for letter in chosen])[0].letters


def test_letters_of_javas_client_name_their_subscription_and_after_retries_how_often_and_why(
    alone: PulsarStorage, client: Any, broker: Broker
) -> None:
    desk = looking(alone, DECLARED)
    nacked, later = (alone.log.create_topic(f"letters-{how}").name for how in ("nacked", "later"))
    for topic in (nacked, later):
        publish(client, topic, range(3), batched=False)
    orders = [word for topic, how in ((nacked, "nack"), (later, "later")) for word in (topic, NAME, "3", how)]
    run_java(JAVA.read_text(), broker.service_url, *[f"persistent://{w}" if "/" in w else w for w in orders])
    index_all(alone)
    for topic, tries, reason in ((nacked, None, ""), (later, 2, "no address")):
        found = letters_of(desk, topic)
        assert numbers(found) == [0, 1, 2], topic
        assert {letter.origin.subscription for letter in found} == {NAME}
        assert {(letter.origin.tries, letter.origin.reason) for letter in found} == {(tries, reason)}, topic
        [dead] = dead_of(desk, topic)
        assert not dead.kept
