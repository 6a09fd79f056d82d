"""How many dead letters a second a redrive sends and acknowledges on Pulsar, against a bare loop of the same client.

The bare loop receives, publishes with the same key, properties and event time, waits for the receipts and acknowledges, all
of it pipelined. It notes nothing, and after an outage it may send some letters twice. The redrive is the job that ``run_jobs``
runs, with its notes in SQLite. Both read the same letters, each for a subscription of its own and to a topic of its own, and
both are asked in the end whether every letter is acknowledged. ``EVENTS`` sets how many letters there are.

What is measured: from connecting to the last acknowledgement. Topics and subscriptions are made before the clock starts, and
the plan of the redrive is not in it. The letters are those that cost a redrive least: of Java's client, so that no event time
has to be looked up at the original, without a schema, all chosen, in one partition, and sent to one partition.
"""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.running import desk_in_a_folder, rate, report, say, scale
from scripts.local_pulsar import LocalPulsar

if TYPE_CHECKING:
    from eventstore.drivers.pulsar.storage import PulsarStorage
    from eventstore.model.events import Position

LETTERS = 30_000
PAYLOAD = b"{" + b" " * 198 + b"}"
KEYS = 500
SOURCE, DEAD, RETRY = "orders", "orders-mailer-DLQ", "orders-mailer-RETRY"
PENDING = 1_000
ROUNDS = 3


def main() -> None:
    count = scale(LETTERS)
    with desk_in_a_folder(), tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            figures = _compare(broker, count)
        finally:
            broker.stop()
    report(figures)


def _compare(broker: LocalPulsar, count: int) -> dict[str, float]:
    """Measure both in turn: the better one of each counts, since the machine's state changes."""
    import pulsar

    from eventstore.drivers.pulsar.storage import PulsarStorage

    storage = PulsarStorage(service_url=broker.service_url, admin_url=broker.admin_url)
    client = pulsar.Client(broker.service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    try:
        _write_letters(client, storage, count)
        bare, own = [], []
        for number in range(ROUNDS):
            _make(storage, f"bare-{number}")
            bare.append(_measured("bare", number, partial(rate, count, partial(_bare, client, count, f"bare-{number}"))))
            _await_acknowledged(storage, f"bare-{number}")
            _make(storage, f"own-{number}")
            own.append(_measured("redrive", number, partial(_redrive, storage, count, f"own-{number}")))
            _await_acknowledged(storage, f"own-{number}")
    finally:
        client.close()
        storage.close()
    return {
        "letters": count,
        "redrive_per_second": max(own),
        "bare_per_second": max(bare),
        "redrive_ratio": max(own) / max(bare),
    }


def _measured(name: str, number: int, measure: Callable[[], float]) -> float:
    found = measure()
    say(f"{name} {number + 1}: {found:,.0f} letters/s")
    return found


def _write_letters(client: Any, storage: "PulsarStorage", count: int) -> None:
    """Write letters as Java's client does: with the event time, one by one."""
    for name in (SOURCE, DEAD):
        storage.log.create_topic(name)
    producer = client.create_producer(DEAD, block_if_queue_full=True, max_pending_messages=PENDING)
    for number in range(count):
        properties = {
            "ce_specversion": "1.0",
            "ce_id": f"e{number}",
            "ce_type": "OrderPlaced",
            "ce_source": "/bench",
            "REAL_TOPIC": f"persistent://public/default/{SOURCE}",
            "REAL_SUBSCRIPTION": "mailer",
            "ORIGIN_MESSAGE_ID": f"1:{number}:-1",
            "RECONSUMETIMES": "3",
        }
        key = f"order-{number % KEYS}"
        producer.send_async(
            PAYLOAD, None, properties=properties, partition_key=key, event_timestamp=1_700_000_000_000 + number
        )
    producer.flush()
    producer.close()


def _make(storage: "PulsarStorage", name: str) -> None:
    """Make the topic that a round sends to, and the subscription in which it acknowledges."""
    from eventstore.model.log import Edge
    from eventstore.model.subscriptions import SubscriptionType

    storage.log.create_topic(f"{RETRY}-{name}")
    storage.subscriptions.create(f"public/default/{DEAD}", name, type=SubscriptionType.SHARED, start=Edge.EARLIEST)


def _bare(client: Any, count: int, name: str) -> None:
    import pulsar

    consumer = client.subscribe(DEAD, name)
    producer = client.create_producer(f"{RETRY}-{name}", block_if_queue_full=True, max_pending_messages=PENDING)
    confirmed: deque[Any] = deque()

    def send(message: Any) -> None:
        def answered(result: Any, message_id: Any) -> None:
            assert result == pulsar.Result.Ok
            confirmed.append(message)

        producer.send_async(
            message.data(),
            answered,
            properties=message.properties(),
            partition_key=message.partition_key(),
            event_timestamp=message.event_timestamp(),
        )

    acknowledged = 0
    for _ in range(count):
        send(consumer.receive())
        while confirmed:
            consumer.acknowledge(confirmed.popleft())
            acknowledged += 1
    while acknowledged < count:
        while confirmed:
            consumer.acknowledge(confirmed.popleft())
            acknowledged += 1
        time.sleep(0.0005)
    consumer.close()
    producer.close()


def _redrive(storage: "PulsarStorage", count: int, name: str) -> float:
    """Return the letters per second from the worker's first step to the job's end."""
    from eventstore.actions import Actor, Safeguards, subscription_resource
    from eventstore.jobs.face import JobFace
    from eventstore.redrives import REDRIVE_LETTERS
    from eventstore.redrives.order import Order

    letters, target = f"public/default/{DEAD}", f"public/default/{RETRY}-{name}"
    first, last = (place.token for place in _ends(storage, letters))
    order = Order(
        job="",
        letters=letters,
        subscription=name,
        source=f"public/default/{SOURCE}",
        target=target,
        chosen={0: [(first, last)]},
        versions=[""],
    )
    safeguards = Safeguards(authorizer=lambda actor, action, resource: True, locks=NoLocks(), record=NoRecord())
    jobs = JobFace(storage=storage, safeguards=safeguards)
    actor, resource = Actor(name="bench", via="shell"), subscription_resource(letters, name)
    job = jobs.enqueue(REDRIVE_LETTERS, resource, order.as_json(), actor=actor, reason="bench", total=count)
    speed = rate(count, jobs.run_until_idle)
    done = jobs.get(job.id)
    if done.progress.done != count or done.problem:
        raise SystemExit(f"the redrive is {done.state}: {done.progress.done} of {count} letters. {done.problem}")
    return speed


def _ends(storage: "PulsarStorage", topic: str) -> "tuple[Position, Position]":
    (ends,) = storage.log.ends(topic)
    assert ends.first is not None
    assert ends.last is not None
    return ends.first, ends.last


class NoLocks:
    def acquire(self, resource: object, actor: object, doing: str) -> "NoLocks":
        return self

    def renew(self) -> None:
        return

    def release(self) -> None:
        return


class NoRecord:
    def intended(self, actor: object, action: str, resource: object, details: object) -> str:
        return "bench"

    def ended(self, act: str, outcome: object) -> None:
        return

    def newest(self, resource: object) -> int:
        return 0

    def acted_since(self, resource: object, since: int) -> bool:
        return False


def _await_acknowledged(storage: "PulsarStorage", subscription: str) -> None:
    while storage.subscriptions.named(f"public/default/{DEAD}", subscription).backlog:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
