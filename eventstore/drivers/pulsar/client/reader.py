"""One reader of one partition: the plain, non-durable kind, which leaves nothing behind on the broker.

It always starts from a place that is fixed before it connects. "Latest" would be evaluated again by a reconnection and
would lose what was published in the meantime. After a reconnection it goes on from its own last event.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.prefetch import FetchAhead, PrefetchShare
from eventstore.drivers.pulsar.connection import BrokerConnection, ConnectionWatch, closed
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message
from eventstore.model.log import READ_BYTES

READER_NAME = "eventdesk-reader"
"""The prefix of our readers' subscriptions, so that nobody takes them for a real backlog."""

QUEUE = 100
"""Messages that the client fetches ahead for a consumer, and at most for a short-lived reader. The client knows no limit
in bytes, and each message may have 5 MB. With events of 2 MB, the process stayed at 240 MB instead of growing to 670
MB."""

DELIVERY_SECONDS = 4.0
"""How long to wait for an event that exists according to the broker."""


LINGER_MILLISECONDS = 2
GATHER_SECONDS = 0.05
"""How long after the first event to wait for others. Without it, an event every millisecond would first fill the whole
limit, for seconds. After that, only what has already arrived is taken."""


def patience_behind(first: float) -> int:
    """Return how many milliseconds to wait for another event if the first one of this call came at ``first`` (monotonic)."""
    return LINGER_MILLISECONDS if time.monotonic() - first < GATHER_SECONDS else 0


def open_raw(connection: BrokerConnection, log: TopicName, start: Any, *, inclusive: bool, queue: int = QUEUE) -> Any:
    """Return the client's own reader, connected."""
    client = connection.client()
    with connection.errors():
        return client.create_reader(
            log.uri,
            start,
            start_message_id_inclusive=inclusive,
            receiver_queue_size=max(1, queue),
            subscription_role_prefix=READER_NAME,
            # Deliver what cannot be decrypted as it is. By default the client would wait for a key for ever.
            crypto_failure_action=pulsar.ConsumerCryptoFailureAction.CONSUME,
        )


def close_raw(reader: Any) -> None:
    try:
        reader.close()
    except pulsar.PulsarException:
        return  # the broker is away, and removes a reader by itself


def until_the_end(connection: BrokerConnection, reader: Any) -> Iterator[Any]:
    """Yield the messages from where the reader stands to the current end of the log, without waiting there.

    The broker may count records that it never delivers: markers, and pieces of a message whose beginning is gone. Some
    seconds of silence on an intact connection therefore also mean the end.
    """
    while True:
        raw = next_ready(reader)
        if raw is None:
            with connection.errors():
                if not reader.has_message_available():
                    return
            raw = next_within(reader, DELIVERY_SECONDS)
        if raw is None:
            if not reader.is_connected():
                raise connection.unreachable()
            return
        yield raw


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


def _milliseconds_until(deadline: float) -> int:
    return max(1, int(1000 * (deadline - time.monotonic())))


Resume = Callable[[str], tuple[Any, bool]]


class PulsarReader:
    """See ``storage.Reader``. While the broker is away, ``read`` raises ``StoreUnreachable``; later it goes on.

    ``share`` is what it may fetch ahead, of ``ahead``, to which it returns the share when it is closed. ``resume``
    takes a position's token and returns where to restart for what follows it, and whether inclusively. What is read
    again is left out.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        log: TopicName,
        messages: Messages,
        start: Any,
        *,
        inclusive: bool,
        after: str,
        incarnation: str = "",
        ahead: FetchAhead,
        share: PrefetchShare,
        resume: Resume,
    ) -> None:
        self._connection, self._log, self._messages = connection, log, messages
        self._start, self._inclusive = start, inclusive
        self._ahead, self._share, self._resume = ahead, share, resume
        self._after, self.incarnation = after, incarnation
        self._last: Any = None
        self._watch = ConnectionWatch(connection)
        self._closed = False
        self._reader = self._open()

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        if self._closed:
            raise closed()
        self._connection.check_open()
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        try:
            self._gather(found, limit, deadline)
        except pulsar.PulsarException as error:
            if not found:
                raise self._connection.translated(type(error).__name__) from error
        if not found:
            self._mend()
        self._keep_to_share(found)
        return found

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._ahead.leave(self._share)
            close_raw(self._reader)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _gather(self, found: list[Message], limit: int, deadline: float) -> None:
        """Take what has arrived. This loop is the cost of catching up, so everything that can be is outside of it."""
        read_next, message_of, after = self._reader._reader.read_next, self._messages.of, self._after
        monotonic = time.monotonic
        room, left, last = READ_BYTES, limit, self._last
        first = 0.0
        patience = _milliseconds_until(deadline)
        try:
            while left > 0 and room > 0:
                raw = read_next(patience)
                message = message_of(raw)
                token = message.position.token
                if token <= after:  # a reconnection may deliver a whole batch again
                    patience = patience_behind(first) if found else _milliseconds_until(deadline)
                    continue
                found.append(message)
                after, last = token, raw
                room -= len(message.payload)
                left -= 1
                # The queue may be empty only for a moment, between two deliveries.
                first = first or monotonic()
                patience = LINGER_MILLISECONDS if monotonic() - first < GATHER_SECONDS else 0
        except pulsar.Timeout:
            return
        finally:
            self._after, self._last = after, last

    def _open(self) -> Any:
        if self._last is not None:
            self._start, self._inclusive = self._resume(self._after)
        return open_raw(self._connection, self._log, self._start, inclusive=self._inclusive, queue=self._share.queue)

    def _mend(self) -> None:
        """Nothing came. Reconnect if the connection is gone."""
        if self._watch.gone_for_good(self._reader.is_connected()):
            self._connect_anew()

    def _connect_anew(self) -> None:
        fresh = self._open()
        close_raw(self._reader)
        self._reader = fresh

    def _keep_to_share(self, found: Sequence[Message]) -> None:
        """Fetch less or more ahead if the share has changed much. What was fetched and not read comes again."""
        size = sum([len(message.payload) for message in found])
        batch = self._last.message_id().batch_index() if found else -1
        if self._ahead.note(self._share, read=len(found), size=size, in_an_entry=max(0, batch) + 1):
            try:
                self._connect_anew()
            except EventStoreError:
                return  # return what was read; the next read reports the outage
