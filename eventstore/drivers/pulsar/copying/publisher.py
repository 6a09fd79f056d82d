"""Sends copies to one topic, under a name that the broker admits once for each partition.

Copies are sent one by one, never in batches: the broker acknowledges, and consumers give up, a batch as a whole. Receipts come
in the order in which a producer sent, so that they are only counted.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.client.publishing import client_message
from eventstore.drivers.pulsar.copying.connected_once import ConnectedOnce
from eventstore.drivers.pulsar.copying.schemas import schema_info
from eventstore.drivers.pulsar.positions import Positions
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.copying import Copy, Start
from eventstore.model.events import Position
from eventstore.model.schema_registry import Schema

SEND_SECONDS = 10
PENDING = 2000
WAIT_SECONDS = 0.05
"""Between two looks whether the connection still stands, while a receipt is awaited."""


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
        self._once, self.topic = once, str(known.name)
        self.starts: dict[int, Start] = {}
        self._lanes: dict[tuple[int, str], _Lane] = {}
        self._latest: dict[int, _Lane] = {}
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
        sent = PulsarSent(self.topic, self._once)
        for (partition, version), run in groupby(copies, lambda copy: (copy.partition, copy.message.schema_version)):
            lane, before = self._lanes[partition, version], self._latest.get(partition)
            if before is not None and before is not lane:
                await_receipts(self._once, {before: before.sent})  # what another producer sends next must come after it
            self._latest[partition] = lane
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
        self.taken = 0
        self.failure, self.failed_at = "", 0
        self.wanted, self.woken = 0, threading.Event()

    def answered(self, result: Any, message_id: Any) -> None:
        """Called in the client's thread. Each change of a list is one step of the interpreter, so that they need no lock."""
        if result == pulsar.Result.Ok:
            self.receipts.append(message_id)
            if self.taken + len(self.receipts) == self.wanted:
                self.woken.set()
        else:
            self.fail(str(result).rpartition(".")[2], self.taken + len(self.receipts) + 1)

    def fail(self, kind: str, number: int) -> None:
        """Note that the copy of this number has failed, with the client's error of this name, and so all behind it."""
        if not self.failure:
            self.failure, self.failed_at = kind, number
        self.woken.set()

    def has_failed(self, number: int) -> bool:
        return bool(self.failure) and self.failed_at <= number

    def await_receipt(self, number: int) -> None:
        """Wait for a moment until the copy of this number is confirmed or has failed; return sooner where that is so."""
        self.woken.clear()
        self.wanted = number
        if not self.has_receipt(number) and not self.has_failed(number):
            self.woken.wait(WAIT_SECONDS)

    def has_receipt(self, number: int) -> bool:
        return self.taken + len(self.receipts) >= number

    def take(self, number: int) -> Any:
        """Forget the receipts up to that of the copy of this number, and return it."""
        count = number - self.taken
        receipt = self.receipts[count - 1]
        del self.receipts[:count]
        self.taken = number
        return receipt


class PulsarSent:
    """See ``eventstore.model.copying.Sent``. ``_numbers``: for each producer that was used, the number of its last copy."""

    def __init__(self, topic: str, once: ConnectedOnce) -> None:
        self._topic, self._once = topic, once
        self._numbers: dict[_Lane, int] = {}
        self._places: dict[int, Position] = {}

    def add(self, lane: _Lane, copies: Iterator[Copy]) -> None:
        """Send these, unless one that was sent before has failed: then they count as failed, too."""
        send, answered = lane.producer._producer.send_async, lane.answered
        try:
            for copy in copies:
                if lane.failure:
                    break
                send(_message_of(copy), answered)
                lane.sent += 1
        except pulsar.PulsarException as error:
            lane.fail(type(error).__name__, lane.sent + 1)
        self._numbers.pop(lane, None)
        self._numbers[lane] = max(lane.sent, lane.failed_at)

    def settle(self) -> Mapping[int, Position]:
        await_receipts(self._once, self._numbers)
        for lane, number in self._numbers.items():
            if number > lane.taken:
                self._places[lane.partition] = Positions(self._topic, lane.partition).of(lane.take(number))
        self._numbers.clear()
        return self._places


def await_receipts(once: ConnectedOnce, numbers: Mapping[_Lane, int]) -> None:
    """Wait until each of these producers has the receipt of the copy of this number. Raises as ``Sent.settle``."""
    deadline = time.monotonic() + SEND_SECONDS + 5
    for lane, number in numbers.items():
        while not lane.has_receipt(number):
            if any(one.has_failed(those) for one, those in numbers.items()):
                break
            if once.lost or time.monotonic() > deadline:
                raise once.unreachable()
            lane.await_receipt(number)
    if failure := next((lane.failure for lane, number in numbers.items() if lane.has_failed(number)), ""):
        # a producer that the guard has closed fails what it had not got through: then the broker is away
        raise once.unreachable() if once.lost else once.error_of(failure)


def _message_of(copy: Copy) -> Any:
    message = copy.message
    payload = None if message.null else message.payload
    return client_message(payload, copy.properties, message.key, copy.event_time, message.ordering_key)
