"""Follows one partition with the client's plain, non-durable reader, which leaves nothing behind on the broker.

A reader is connected only while there is something to read. After some time without an event it disconnects, and waits for
news of the partition (``arrivals``), so that an operator can delete a topic that is followed.

It always starts from a place that is fixed before it connects. "Latest" would be evaluated again by a reconnection and
would lose what was published in the meantime. After a reconnection it goes on from its own last event.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.client.arrivals import PartitionNews
from eventstore.drivers.pulsar.client.asked_topics import End
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.client.pieces import ARRIVE_SECONDS, Gathering
from eventstore.drivers.pulsar.client.pieces.taking import Taking, size_of
from eventstore.drivers.pulsar.client.prefetch import FetchAhead, PrefetchShare
from eventstore.drivers.pulsar.client.raw_readers import SETTLE_SECONDS, close_raw, open_raw
from eventstore.drivers.pulsar.client.resuming import Begin, Doubt, RecentReads, is_all, start_after
from eventstore.drivers.pulsar.connection import closed
from eventstore.drivers.pulsar.incarnations import check_same
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.positions import entry_of
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message
from eventstore.model.pieces import Pieces

SHORTEST_STAY, LONGEST_STAY = 0.5, 3.0
"""Seconds without an event after which a reader disconnects. A new one costs the broker and us about 5 milliseconds each, so
a reader that was needed again soon after it had gone stays twice as long the next time."""
SOON = 2.0
"""A reader that is needed again within so many times its stay has gone too soon."""
SHORTEST_REST, LONGEST_REST = 0.5, 2.0
"""How long a reader stays away that got nothing although the log's end had moved: by markers, or by a transaction that is
open."""
FEW = 16
"""Messages that are fetched ahead from a terminated topic. Once the broker has sent its last one, the client drops the
connection, and what waits in its queue comes again."""


class PulsarReader:
    """See ``storage.Reader``. While the broker is away, ``read`` raises ``StoreUnreachable``; later it goes on. If the topic
    is gone, ``read`` raises ``UnknownTopic``.

    While connected it has a share of what may be fetched ``ahead``. What is read again after a reconnection is left out.
    """

    def __init__(self, source: PartitionLog, messages: Messages, begin: Begin, ahead: FetchAhead, news: PartitionNews) -> None:
        self._source, self._messages, self._begin = source, messages, begin
        self._connection, self._ahead, self._news = source.connection, ahead, news
        self._after, self._drained, self.incarnation = begin.token, begin.drained, begin.incarnation
        self._last: Any = None
        self._reader: Any = None
        self._share: PrefetchShare | None = None
        self._stay = SHORTEST_STAY
        self._rest = self._quiet_since = self._left_at = self._not_before = 0.0
        self._lost = self._delivered = self._closed = False
        self._put_off: Callable[[], object] | None = None
        """What ``arrived`` has left to ``read``, since it may take time."""
        self._recent = RecentReads()
        self._standing: tuple[End, float] = (None, 0.0)
        self._repeated = ""
        """The last message that came again."""
        self._doubt = Doubt()
        """Whether ``_drained`` was read to its end."""
        self._connect_if_news(begin.internals)

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        found: list[Message] = []
        if (deadline := self._ready(timeout)) is None:
            return found
        try:
            self._gather(found, limit, deadline)
        except Exception as error:  # noqa: BLE001 -- raised again, unless it ends a read that has found something
            self._note_error(error, bool(found))
        if found:
            self._mark(found[0].position.token)
            if self._is_share_changed(len(found), size_of(found)):
                self._connect_to_share()
        else:
            self._leave_if_idle()
        return found

    def pieces(self, *, limit: int, timeout: float) -> Pieces:
        """See ``model.pieces.ReadsPieces``."""
        if (deadline := self._ready(timeout)) is None:
            return
        read_next = self._reader._reader.read_next
        gathering = Gathering(read_next, self._messages, self._after, limit=limit, until=deadline)
        while (piece := gathering.next()) is not None:
            if self._after < gathering.begin:
                self._mark(gathering.begin)  # of its first piece
            self._after, self._last = gathering.after, gathering.last
            yield piece
        self._repeated = gathering.repeated or self._repeated
        if gathering.error is not None:
            self._note_error(gathering.error, gathering.count > 0)
        if not gathering.count:
            self._leave_if_idle()
        elif self._is_share_changed(gathering.count, gathering.size):
            self._connect_to_share()

    def arrived(self, *, limit: int) -> Sequence[Message] | None:
        """See ``model.log.GivesArrived``. If half of the queue was full, it has to be read more often than it is."""
        if self._closed or self._reader is None or self._put_off is not None:
            return None
        found: list[Message] = []
        self._messages.may_ask = False
        try:
            self._gather(found, limit, None)
        except pulsar.PulsarException:
            return found or None  # the next read gets it as well
        except Exception:  # noqa: BLE001 -- the message is gone from the client's queue: the next read gets it again
            self._put_off = self._read_again
            return found or None
        finally:
            self._messages.may_ask = True
        if found:
            self._mark(found[0].position.token)
            if self._is_share_changed(len(found), size_of(found)):
                self._put_off = self._connect_to_share
            elif self._share is not None and len(found) > self._share.queue // 2:
                self._put_off = self._connection.check_open
        return found

    def _ready(self, timeout: float) -> float | None:
        """Connect if there is something to read. Return until when to wait for it, ``None`` if nothing came in time."""
        if self._closed:
            raise closed()
        self._connection.check_open()
        if self._put_off is not None:
            put_off, self._put_off = self._put_off, None
            put_off()
        deadline = time.monotonic() + timeout
        if self._reader is not None:
            return deadline
        return max(deadline, time.monotonic() + ARRIVE_SECONDS) if self._connected_by(deadline) else None

    def _note_error(self, error: Exception, found: bool) -> None:
        """Deal with an error that ended a read. Raises it if nothing was found before."""
        if isinstance(error, pulsar.PulsarException):
            if not found and self._reader.is_connected():
                raise self._connection.translated(type(error).__name__) from error
            return
        self._read_again()  # the message is gone from the client's queue
        if not found:
            raise error

    def _read_again(self) -> None:
        self._disconnect()
        self._drained = None

    def call_on_news(self, call: Callable[[], None]) -> bool:
        self._news.call_on_news(call)
        return False  # only what a reader has asked for is told: by reading

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._news.leave()
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _gather(self, found: list[Message], limit: int, deadline: float | None) -> None:
        taking = Taking(self._reader._reader.read_next, self._messages.of, self._after)
        try:
            taking.take(found, limit, deadline)
        finally:
            self._repeated = taking.repeated or self._repeated
            if found:
                self._after, self._last = found[-1].position.token, taking.last

    def _mark(self, token: str) -> None:
        self._quiet_since = time.monotonic()
        self._delivered = True
        self._recent.note(token, self._quiet_since)

    # -- connecting

    def _connected_by(self, deadline: float) -> bool:
        """Connect once there is something to read. Returns false if there is nothing by the deadline."""
        wait = self._not_before - time.monotonic()
        if wait > 0:
            time.sleep(max(0.0, min(wait, deadline - time.monotonic())))
            if self._not_before > time.monotonic():
                return False
        if not self._lost and self._news.await_end(self._is_news, deadline) is None:
            return False
        with self._ahead.turn():
            if self._lost:
                self._source.look_up()
                # A broker that lost its data numbers ledgers anew, so their numbers do not tell.
                check_same(self._source.log, self.incarnation, self._begin.ask_incarnation())
            self._connect_if_news(self._source.look_up())
        self._lost = False
        return self._reader is not None

    def _is_news(self, end: End) -> bool:
        """Return whether a log that ends there has something to read."""
        if end is None or (self._after and is_all(self._after, end)):
            return False
        return end != self._drained or self._doubt.is_over(time.monotonic())

    def _connect_if_news(self, internals: Json) -> None:
        end = layout_of(internals).last
        if not self._is_news(end):
            self._drained = end
            return
        share = self._ahead.join(internals)
        try:
            self._reader = self._open(internals, share)
        except BaseException:
            self._ahead.leave(share)
            raise
        now = time.monotonic()
        if self._left_at and not self._rest:
            away = now - self._left_at
            self._stay = min(self._stay * 2, LONGEST_STAY) if away < SOON * self._stay else SHORTEST_STAY
        self._share, self._quiet_since, self._delivered = share, now, False
        self._repeated = ""

    def _open(self, internals: Json, share: PrefetchShare) -> Any:
        start, inclusive = self._begin.start, self._begin.inclusive
        unbroken = self._messages.unbroken_to(entry_of(self._after)) if self._after else None
        if self._last is not None or unbroken is not None:
            start, inclusive = start_after(internals, self._after, self._recent.floor(), unbroken)
        queue = min(share.queue, FEW) if internals["state"] == "Terminated" else share.queue
        return open_raw(self._connection, self._source.log, start, inclusive=inclusive, queue=queue)

    # -- disconnecting

    def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        share, self._share = self._share, None
        if share is not None:
            self._ahead.leave(share)
        if reader is not None:
            close_raw(reader)

    def _leave_if_idle(self) -> None:
        """Nothing came. Disconnect if nothing has come for long, or look up what is left if the connection is gone."""
        now = time.monotonic()
        if not self._reader.is_connected():
            self._disconnect()
            self._lost, self._drained, self._not_before = True, None, now + SETTLE_SECONDS
            self._connection.lost()
            return
        if now - self._quiet_since < self._stay:
            return
        told = self._news.end_since(self._quiet_since)
        if told is not None and self._is_drained_to(told[0], now):
            self._disconnect()
            self._drained, self._left_at = told[0], now
            self._rest = 0.0 if self._delivered else min(max(2 * self._rest, SHORTEST_REST), LONGEST_REST)
            self._not_before = now + self._rest
            self._doubt.begin(now, reached=self._reaches(told[0]), delivered=self._delivered)

    def _reaches(self, end: End) -> bool:
        """Return whether the end's entry came. A batch comes as a whole."""
        if end is None or not self._after or entry_of(self._after) != end:
            return end is None
        return self._delivered or self._repeated == self._after or is_all(self._after, end)

    def _is_drained_to(self, end: End, now: float) -> bool:
        """Return whether everything up to this end was delivered that ever will be. What the log holds beyond the last event
        (markers, pieces of a message, a transaction that is open) must have stood there for as long as the reader stays, and
        for the longest stay if it comes back for it."""
        if self._reaches(end):
            return True
        if self._standing[0] != end:
            self._standing = (end, now)
        stay = LONGEST_STAY if self._doubt.seconds and not self._delivered else self._stay
        return now - max(self._standing[1], self._quiet_since) >= stay

    def _is_share_changed(self, read: int, size: int) -> bool:
        """Return whether to fetch less or more ahead, since the share has changed much."""
        batch = self._last.message_id().batch_index()
        return self._share is not None and self._ahead.note(self._share, read=read, size=size, in_an_entry=max(0, batch) + 1)

    def _connect_to_share(self) -> None:
        """What was fetched and not read comes again."""
        try:
            fresh = self._open(self._source.look_up(), self._share) if self._share else None
        except EventStoreError:
            return  # the next read reports the outage
        if fresh is not None:
            close_raw(self._reader)
            self._reader = fresh
