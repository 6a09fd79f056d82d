"""One reader of one partition: the plain, non-durable kind, which leaves nothing behind on the broker.

It always starts from a place that is fixed before it connects (never from "latest", which a reconnection would read anew
and so lose what was published meanwhile), and it goes on from its own last event when the connection has to be made again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.prefetch import FetchAhead, Share
from eventstore.drivers.pulsar.connection import Connected, Link, closed
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message
from eventstore.model.storage import READ_BYTES

READER_NAME = "eventdesk-reader"
"""How our readers' subscriptions begin, so that nobody takes them for somebody's backlog."""

QUEUE = 100
"""Messages that the client fetches ahead for a consumer, or at most for a reader that is open for a moment: it knows no bound
in bytes, and each may have 5 MB. With events of 2 MB, the process stayed at 240 MB where it had grown to 670 MB."""

DELIVERY_SECONDS = 4.0
"""How long an event that the broker says is there is waited for."""


LINGER_MILLISECONDS = 2
GATHER_SECONDS = 0.05
"""How long after the first event others are waited for: an event every millisecond would else fill the whole limit first, for
seconds. From then on only what has already arrived is taken, without waiting."""


def patience_behind(first: float) -> int:
    """How many milliseconds to wait for another event, where the first one of this call came at ``first`` (monotonic)."""
    return LINGER_MILLISECONDS if time.monotonic() - first < GATHER_SECONDS else 0


def open_raw(link: Link, log: TopicName, start: Any, *, inclusive: bool, queue: int = QUEUE) -> Any:
    """The client's own reader, connected when this returns."""
    client = link.client()
    with link.errors():
        return client.create_reader(
            log.uri,
            start,
            start_message_id_inclusive=inclusive,
            receiver_queue_size=max(1, queue),
            subscription_role_prefix=READER_NAME,
            # What nobody here can decrypt comes as it lies there: the client's own way is to wait for a key for ever.
            crypto_failure_action=pulsar.ConsumerCryptoFailureAction.CONSUME,
        )


def close_raw(reader: Any) -> None:
    try:
        reader.close()
    except pulsar.PulsarException:
        return  # the broker is away, and forgets a reader by itself


def until_the_end(link: Link, reader: Any) -> Iterator[Any]:
    """The messages from where the reader stands to the end of the log as it is now, without waiting there.

    The broker may count records that it never delivers (markers, pieces of a message whose beginning is gone): after some
    seconds of such a silence on a connection that stands, this is the end as well.
    """
    while True:
        raw = next_ready(reader)
        if raw is None:
            with link.errors():
                if not reader.has_message_available():
                    return
            raw = next_within(reader, DELIVERY_SECONDS)
        if raw is None:
            if not reader.is_connected():
                raise link.unreachable()
            return
        yield raw


def next_ready(reader: Any) -> Any:
    """The next message if it has already arrived, else ``None``."""
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

    ``share`` is what it may fetch ahead, of ``ahead``: it gives that back when it is closed. ``resume`` says of a position's
    token where to begin anew for what lies behind it, and whether inclusively: with what comes again, which is left out.
    """

    def __init__(
        self,
        link: Link,
        log: TopicName,
        messages: Messages,
        start: Any,
        *,
        inclusive: bool,
        after: str,
        ahead: FetchAhead,
        share: Share,
        resume: Resume,
    ) -> None:
        self._link, self._log, self._messages = link, log, messages
        self._start, self._inclusive = start, inclusive
        self._ahead, self._share, self._resume = ahead, share, resume
        self._after = after
        self._last: Any = None
        self._connected = Connected(link)
        self._closed = False
        self._reader = self._open()

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        if self._closed:
            raise closed()
        self._link.check_open()
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        try:
            self._gather(found, limit, deadline)
        except pulsar.PulsarException as error:
            if not found:
                raise self._link.translated(type(error).__name__) from error
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
        """Take what has arrived. This loop is what catching up costs: what can stand outside of it, does."""
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
                if token <= after:  # a reconnection may begin with the whole of a batch again
                    patience = patience_behind(first) if found else _milliseconds_until(deadline)
                    continue
                found.append(message)
                after, last = token, raw
                room -= len(message.payload)
                left -= 1
                # With something in hand, the queue may still be empty for a moment only, between two deliveries.
                first = first or monotonic()
                patience = LINGER_MILLISECONDS if monotonic() - first < GATHER_SECONDS else 0
        except pulsar.Timeout:
            return
        finally:
            self._after, self._last = after, last

    def _open(self) -> Any:
        if self._last is not None:
            self._start, self._inclusive = self._resume(self._after)
        return open_raw(self._link, self._log, self._start, inclusive=self._inclusive, queue=self._share.queue)

    def _mend(self) -> None:
        """Nothing came: is that because the connection is gone?"""
        if self._connected.gone_for_good(self._reader.is_connected()):
            self._connect_anew()

    def _connect_anew(self) -> None:
        fresh = self._open()
        close_raw(self._reader)
        self._reader = fresh

    def _keep_to_share(self, found: Sequence[Message]) -> None:
        """Fetch less ahead, or more, where the share has changed much. What was fetched and not read comes again."""
        size = sum([len(message.payload) for message in found])
        batch = self._last.message_id().batch_index() if found else -1
        if self._ahead.note(self._share, read=len(found), size=size, in_an_entry=max(0, batch) + 1):
            try:
                self._connect_anew()
            except EventStoreError:
                return  # what is found is to be handed on; the next read meets the broker as it is
