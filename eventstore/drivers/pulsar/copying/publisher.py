"""Sends copies to one topic, under a name that the broker admits once for each partition.

Copies are sent one by one, never in batches: the broker acknowledges, and consumers give up, a batch as a whole. Receipts come
in the order in which a producer sent, so that they are only counted.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import _pulsar
import pulsar

from eventstore.drivers.pulsar.client.messages import EPOCH
from eventstore.drivers.pulsar.copying.connected_once import ConnectedOnce
from eventstore.drivers.pulsar.copying.schemas import schema_info
from eventstore.drivers.pulsar.positions import Positions
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.copying import Copy
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Position
from eventstore.model.schema_registry import Schema

SEND_SECONDS = 10
PENDING = 2000
WAIT_SECONDS = 0.0005


class PulsarPublisher:
    """See ``eventstore.model.copying.Publisher``. It has a producer of its name for each partition and schema version."""

    def __init__(
        self,
        once: ConnectedOnce,
        known: KnownTopic,
        partitions: Sequence[int],
        name: str,
        schemas: Mapping[str, Schema | None],
    ) -> None:
        self._once, self._topic = once, str(known.name)
        self._lanes: dict[tuple[int, str], _Lane] = {}
        try:
            for partition in partitions:
                for version, schema in schemas.items():
                    own = f"{name}-{version}" if version else name
                    self._lanes[partition, version] = _Lane(once, known, partition, own, schema)
            once.seal()
        except BaseException:
            once.close()
            raise

    def send(self, copies: Sequence[Copy]) -> "PulsarSent":
        sent = PulsarSent(self._topic, self._once)
        latest: dict[int, _Lane] = {}
        for (partition, version), run in groupby(copies, lambda copy: (copy.partition, copy.message.schema_version)):
            lane, before = self._lanes[partition, version], latest.get(partition)
            if before is not None and before is not lane:
                sent.settle()  # what another producer sends next must come after it
            latest[partition] = lane
            sent.add(lane, run)
        return sent

    def close(self) -> None:
        self._once.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Lane:
    """One producer, and what it has got: receipts, in the order of sending, and failures."""

    def __init__(self, once: ConnectedOnce, known: KnownTopic, partition: int, name: str, schema: Schema | None) -> None:
        settings: dict[str, Any] = {"schema": schema_info(schema)} if schema is not None else {}
        self.partition = partition
        self.producer = once.producer(
            known.log(partition).uri,
            producer_name=name,
            send_timeout_millis=SEND_SECONDS * 1000,
            max_pending_messages=PENDING,
            block_if_queue_full=True,
            batching_enabled=False,
            chunking_enabled=True,
            **settings,
        )
        self.sent = 0
        self.receipts: list[Any] = []
        self.failures: list[str] = []

    def answered(self, result: Any, message_id: Any) -> None:
        """Called in the client's thread. Lists that only grow need no lock."""
        if result == pulsar.Result.Ok:
            self.receipts.append(message_id)
        else:
            self.failures.append(str(result).rpartition(".")[2])


class PulsarSent:
    """See ``eventstore.model.copying.Sent``."""

    def __init__(self, topic: str, once: ConnectedOnce) -> None:
        self._topic, self._once = topic, once
        self._lanes: dict[int, _Lane] = {}
        self._places: dict[int, Position] = {}

    def add(self, lane: _Lane, copies: Iterator[Copy]) -> None:
        self._lanes[lane.partition] = lane
        send, answered = lane.producer._producer.send_async, lane.answered
        try:
            for copy in copies:
                send(_message_of(copy), answered)
                lane.sent += 1
        except pulsar.PulsarException as error:
            lane.failures.append(type(error).__name__)

    def settle(self) -> Mapping[int, Position]:
        deadline = time.monotonic() + SEND_SECONDS + 5
        lanes = self._lanes.values()
        while any(len(lane.receipts) < lane.sent for lane in lanes) and not any(lane.failures for lane in lanes):
            if self._once.lost or time.monotonic() > deadline:
                raise self._once.unreachable()
            time.sleep(WAIT_SECONDS)
        failure = next((lane.failures[0] for lane in lanes if lane.failures), "")
        if failure:
            raise self._error(failure)
        for partition, lane in self._lanes.items():
            if lane.receipts:
                self._places[partition] = Positions(self._topic, partition).of(lane.receipts[-1])
                lane.receipts.clear()
                lane.sent = 0
        return self._places

    def _error(self, failure: str) -> EventStoreError:
        """A producer that the guard has closed fails what it had not got through: then the broker is away."""
        return self._once.unreachable() if self._once.lost else self._once.error_of(failure)


def _message_of(copy: Copy) -> Any:
    """Return the client's own message. Its Python wrapper would check each part again, which takes a third of the time."""
    message, builder = copy.message, _pulsar.MessageBuilder()
    if message.null:
        builder.set_null_value()
    else:
        builder.content(message.payload)
    for name, value in copy.properties.items():
        builder.property(name, value)
    if message.key is not None:
        builder.partition_key(message.key)
    if message.ordering_key is not None:
        builder.ordering_key(message.ordering_key)
    if copy.event_time is not None:
        builder.event_timestamp(_milliseconds(copy.event_time))
    return builder.build()


def _milliseconds(when: datetime) -> int:
    since = when - EPOCH  # integers only: a float would lose the last millisecond of some instants
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
