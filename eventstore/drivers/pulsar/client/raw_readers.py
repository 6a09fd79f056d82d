"""The client's own readers: opened, guarded, read to the end, and closed.

By itself the client connects a disconnected reader again about 100 milliseconds later, without asking whether the topic is
still there. If the topic was deleted by force, the broker creates it anew for that reader. So one thread per process looks
at all open readers a hundred times a second and closes those that are disconnected; a closed reader never connects again. Its
owner looks the topic up (``PartitionLog.look_up``) before it opens another one.

A reader that the broker refuses because it is deleting the topic at that moment creates nothing: pulsar-client 3.13.0 (C++
client 4.2.0) takes its connection for one that still stands, never asks again, and gives up after ``OPERATION_SECONDS``.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from operator import call
from typing import Any

import pulsar

from eventstore.drivers.pulsar.access.needs import reading
from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.ledgers import layout_of, ledger_and_entry
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import order_of
from eventstore.model.errors import place_of

log = logging.getLogger(__name__)

READER_NAME = "eventdesk-reader"
"""The prefix of our readers' subscriptions, so that nobody takes them for a real backlog."""

QUEUE = 100
"""Messages that the client fetches ahead for a consumer, and at most for a short-lived reader. The client knows no limit
in bytes, and each message may have 5 MB. With events of 2 MB, the process stayed at 240 MB instead of growing to 670
MB."""

DELIVERY_SECONDS = 4.0
"""How long to wait for an event that exists according to the broker."""

SILENCE_SECONDS = 0.1
"""After this long without one, the broker is asked whether it has sent everything. If so, the same time again is enough."""

EXPECTED_SECONDS = 0.5
"""How long to wait for a message that should exist before the broker is asked whether it does."""


LOOK_SECONDS = 0.01
"""Between two looks. A look at 300 readers takes less than a millisecond."""
SWITCH_SECONDS = 0.001
"""For so long another thread goes on once the guard wants the interpreter; Python's own value is 5 milliseconds. In a process
with eight busy threads, on two busy processors, a thread that slept came up to 150 milliseconds late with that, and up to 54
with this."""
SETTLE_SECONDS = 0.5
"""How long the owner of a disconnected reader waits before it looks the topic up: the broker disconnects the readers first,
and needs some time to delete the topic."""
IDLE_SECONDS = 10.0
"""After this time without a reader the thread ends."""


class LostReader(Exception):
    """The broker has disconnected the reader: it was restarted, the topic was unloaded or deleted."""


class ReaderGuard:
    """Thread-safe. A forked child starts with an empty one.

    Each time that its thread waits, it may get the interpreter back much later. So a look at a connected reader takes no lock,
    and closing waits for no answer.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers: tuple[Any, ...] = ()
        """Replaced as a whole, with the lock held; read without it."""
        self._looks: tuple[Callable[[], bool], ...] = ()
        """Whether each of them is connected, by the client's own function: Python's around it would take most of a look."""
        self._runs = False

    def watch(self, reader: Any) -> None:
        with self._changed:
            self._set((*self._readers, reader))
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="pulsar reader guard", daemon=True).start()
            self._changed.notify()

    def leave(self, *readers: Any) -> None:
        left = {id(reader) for reader in readers}
        with self._changed:
            self._set(tuple(reader for reader in self._readers if id(reader) not in left))

    def _set(self, readers: tuple[Any, ...]) -> None:
        self._readers, self._looks = readers, tuple(reader._reader.is_connected for reader in readers)

    def forget(self) -> None:
        """Start anew in a forked child, which has none of its parent's threads."""
        self.__init__()  # type: ignore[misc]

    def _run(self) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        try:
            while readers := self._open_readers():
                if not self._are_all_connected() and (lost := [one for one in readers if not self._is_safe(one)]):
                    self.leave(*lost)
                time.sleep(LOOK_SECONDS)
        except BaseException:
            with self._changed:
                self._runs = False
            raise

    def _are_all_connected(self) -> bool:
        try:
            return all(map(call, self._looks))
        except Exception:  # noqa: BLE001 -- the look at each by itself says which one, and logs it
            return False

    def _is_safe(self, reader: Any) -> bool:
        """Close the reader if it is disconnected, and return whether it still has to be guarded.

        To the client's eyes a reader is disconnected as well while its owner closes it. A second close at that moment lets go
        of the connection before the first has told the broker, where the reader would stay. So who has left is not closed.
        """
        try:
            if reader.is_connected():
                return True
            with self._changed:
                if any(reader is one for one in self._readers):
                    reader._reader.close_async(None)
        except Exception as error:  # noqa: BLE001 -- whatever one reader does, the others are guarded
            log.error("Guarding a reader: an unforeseen %s at %s", type(error).__name__, place_of(error))
        return False

    def _open_readers(self) -> Sequence[Any]:
        """Return the readers that are open, once there is one; none if none came for some time."""
        if self._readers:
            return self._readers
        with self._changed:
            if not self._readers and not self._changed.wait_for(lambda: bool(self._readers), IDLE_SECONDS):
                self._runs = False
            return self._readers


guard = ReaderGuard()
os.register_at_fork(after_in_child=guard.forget)


def open_raw(connection: BrokerConnection, log: TopicName, start: Any, *, inclusive: bool, queue: int = QUEUE) -> Any:
    """Return the client's own reader, connected.

    The broker creates the log for it if it does not exist: look it up first (``PartitionLog.look_up``).
    """
    client = connection.client()
    with connection.errors(reading(log)):
        try:
            reader = client.create_reader(
                log.uri,
                start,
                start_message_id_inclusive=inclusive,
                # The broker sends the message at an excluded start too. The client drops it, and asks for no other instead.
                receiver_queue_size=max(1, queue) + (not inclusive),
                subscription_role_prefix=READER_NAME,
                # Deliver what cannot be decrypted as it is. By default the client would wait for a key for ever.
                crypto_failure_action=pulsar.ConsumerCryptoFailureAction.CONSUME,
            )
        except pulsar.ConsumerBusy:
            # The reader's subscription is its own: the broker was slow, and has only just made it for the client's first try.
            raise connection.unreachable() from None
    guard.watch(reader)
    return reader


def close_raw(reader: Any) -> None:
    """Close it. The guard lets go of it first, since two threads must not close it at once."""
    guard.leave(reader)
    closing.close_reader(reader)


def until_the_end(
    connection: BrokerConnection, reader: Any, *, all_sent: Callable[[], bool], expected: bool = False
) -> Iterator[Any]:
    """Yield the messages from where the reader stands to the current end of the log, without waiting there.

    With ``expected``, messages should exist: they are waited for first, and the broker is asked afterwards.

    The broker may count records that are never delivered: markers, and pieces of a message whose beginning is gone. Some
    seconds of silence on an intact connection therefore also mean the end, and a short one if ``all_sent`` says that the
    broker has sent all it has. Raises ``LostReader``.
    """
    try:
        while expected and (raw := next_within(reader, EXPECTED_SECONDS)) is not None:
            yield raw
        while True:
            raw = next_ready(reader)
            if raw is None:
                if not reader.has_message_available():
                    return
                raw = next_within(reader, SILENCE_SECONDS)
            if raw is None:
                raw = next_within(reader, SILENCE_SECONDS if all_sent() else DELIVERY_SECONDS)
            if raw is None:
                if not reader.is_connected():
                    raise LostReader
                return
            yield raw
    except pulsar.PulsarException as error:
        if not reader.is_connected():
            raise LostReader from error
        raise connection.translated(type(error).__name__) from error


def has_sent_all(internals: Json) -> bool:
    """Return whether the broker waits for something new with each reader of ours that is connected to this log, by its
    ``internalStats``."""
    end = layout_of(internals).last or (-1, -1)
    ours = [told for name, told in internals.get("cursors", {}).items() if name.startswith(READER_NAME)]
    return bool(ours) and all(told.get("waitingReadOp") and ledger_and_entry(told["readPosition"]) > end for told in ours)


def is_over(internals: Json, last: Any, losses: int) -> bool:
    """Return whether nothing follows the ``last`` message. Of a batch more may follow, unless a reader that was opened again
    got nothing."""
    end = layout_of(internals).last
    if end is None or last is None:
        return end is None
    ledger, entry, batch = order_of(last.message_id())
    return (ledger, entry) == end and (batch < 0 or losses > 0)


def next_ready(reader: Any) -> Any:
    """Return the next message if it has already arrived, otherwise ``None``."""
    try:
        return reader._reader.read_next(0)
    except pulsar.Timeout:
        return None


def next_within(reader: Any, seconds: float) -> Any:
    try:
        return reader._reader.read_next(max(1, int(seconds * 1000)))
    except pulsar.Timeout:
        return None
