"""Reads all partitions of a topic on from a place in each, merged by time, as long as nothing is missing in between.

Where there is much to read, a reader is kept: to open one for each read took longer than fifty scripts take for what was read.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge

from django.db import Error

from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message
from eventstore.model.log import Log, Reader
from eventstore.tail.start import BYTES_A_READ, LARGEST_READ, SMALLEST_READ, Places, next_limit, time_reached

logger = logging.getLogger(__name__)

MOST_READERS = 4
"""That are kept at a time. What lies in more partitions is read by place."""
MOST_AT_ONCE = 2_000
"""Events that are read of a partition with a reader that is kept, before it is asked if they are whole."""
BYTES_AT_ONCE = 2 * BYTES_A_READ
"""Payload bytes that are read of all partitions together meanwhile, estimated from the messages of earlier reads."""
WAIT = 0.2
"""Seconds that such a reader waits for the first of them. The tail has read more already, so then it is read by place."""
FEWEST_A_READ = 20
"""Events that a read asks of a partition, at least, however many partitions there are: each read costs a reader."""


class SomethingMissing(Exception):
    """The store does not have the event at a place any more, so that nobody knows what is missing behind it."""


class OrderedReader:
    """Reads on from ``places``, which change with each read. ``read_to`` says how far there is anything to read.

    What was read of a partition and does not fit into the time order yet is kept for the next read. Belongs to one thread.
    """

    def __init__(self, log: Log, topic: str, places: Places, read_to: Callable[[], Mapping[int, str]]) -> None:
        self._log, self._topic, self._read_to = log, topic, read_to
        self.places = dict(places)
        """The last event of each partition that was returned."""
        self._kept: dict[int, deque[Message]] = {}
        self._readers: dict[int, Reader] = {}
        """By partition, those that are kept. They stand after the last event that was read."""
        self._limit, self._largest = SMALLEST_READ, BYTES_A_READ // SMALLEST_READ

    def close(self) -> None:
        for partition in list(self._readers):
            self._close_reader(partition)

    def read(self) -> Sequence[Message]:
        """Return what comes next, some hundred events at least if there are so many; nothing if there is no more now.

        Raises ``SomethingMissing``, and the store's own errors. After any error, reading goes on where it was.
        """
        read_to = self._read_to()
        asked = {at: newest for at, newest in read_to.items() if not self._kept.get(at) and self.places.get(at, "") < newest}
        whole = self._fill(asked)
        horizon = min((time_reached(kept) for at, kept in self._kept.items() if at not in whole), default=None)
        passed = [list(_up_to(kept, horizon)) for kept in self._kept.values()]
        self._kept = {at: kept for at, kept in self._kept.items() if kept}
        for messages in passed:
            if messages:
                self.places[messages[-1].position.partition] = messages[-1].position.token
        return passed[0] if len(passed) == 1 else list(merge(*passed, key=lambda message: message.published))

    def _fill(self, partitions: Mapping[int, str]) -> set[int]:
        """Read on in these partitions, up to these tokens or further. Return those of which the store has no more."""
        if not partitions:
            return set()
        fewest = min(FEWEST_A_READ, BYTES_A_READ // (self._largest * len(partitions)))
        limit = max(1, fewest, self._limit // len(partitions))
        share = BYTES_AT_ONCE // len(partitions)
        whole = {partition for partition, newest in partitions.items() if self._read_on(partition, newest, limit, share)}
        found = [message for partition in partitions for message in self._kept.get(partition, ())]
        self._largest = max(1, max((len(message.payload) for message in found), default=self._largest))
        self._limit = next_limit(self._limit, found, LARGEST_READ)
        return whole

    def _read_on(self, partition: int, newest: str, limit: int, share: int) -> bool:
        """Read on in the partition, up to ``limit`` events by place, or about ``share`` bytes with its reader.

        Returns whether the store has no more of it now.
        """
        if partition not in self._readers:
            return self._read_by_place(partition, limit)
        try:
            found, is_all = self._read_with(self._readers[partition], share)
            if found:
                self._check_place(partition)
                self._kept[partition] = deque(found)
        except BaseException:
            self._close_reader(partition)  # it has gone on, and what it has read was not given
            raise
        if not found:  # although the tail has read more
            self._close_reader(partition)
            return self._read_by_place(partition, limit)
        return is_all and found[-1].position.token >= newest

    def _read_by_place(self, partition: int, limit: int) -> bool:
        token = self.places.get(partition, "")
        after = self._log.position(self._topic, partition, token) if token else None
        most = limit + 1 if after else limit
        found = self._log.read_forward(self._topic, partition, after=after, inclusive=after is not None, limit=most)
        if after is not None and (not found or found[0].position.token != token):
            raise SomethingMissing
        if kept := deque(found[1:] if after is not None else found):
            self._kept[partition] = kept
        if len(found) == most and kept and len(self._readers) < MOST_READERS:
            self._readers[partition] = self._log.open_reader(self._topic, partition, after=kept[-1].position)
        return len(found) < most

    def _read_with(self, reader: Reader, share: int) -> tuple[Sequence[Message], bool]:
        """Return what there is, or nothing if nothing comes, and whether that is all that the reader has now.

        It ends once half of ``share`` is read: up to there it asks for as many as fit if all are as large as the largest.
        """
        found: list[Message] = []
        size = 0
        while len(found) < MOST_AT_ONCE and 2 * size < share:
            most = min(MOST_AT_ONCE - len(found), max(1, (share - size) // self._largest))
            more = reader.read(limit=most, timeout=0.0 if found else WAIT)
            if not more:
                return found, True
            found += more
            sizes = [len(message.payload) for message in more]
            size += sum(sizes)
            self._largest = max(self._largest, *sizes)
        return found, False

    def _check_place(self, partition: int) -> None:
        """Look if the event before those that were just read is still there: then it was while they were read, and so was all
        of what follows it. A reader does not say what was trimmed before it came there."""
        token = self.places.get(partition, "")
        after = self._log.position(self._topic, partition, token)
        found = self._log.read_forward(self._topic, partition, after=after, inclusive=True, limit=1)
        if not found or found[0].position.token != token:
            raise SomethingMissing

    def _close_reader(self, partition: int) -> None:
        """A store that is away may refuse even that."""
        try:
            self._readers.pop(partition).close()
        except (EventStoreError, Error) as error:
            logger.info("A reader of %s, partition %s, closing: %s", self._topic, partition, type(error).__name__)


def _up_to(kept: deque[Message], horizon: datetime | None) -> Iterator[Message]:
    """Take the leading messages published no later than the horizon; ``None`` takes all.

    If the horizon comes from these messages, that is every one of them.
    """
    everything = horizon is None or time_reached(kept) == horizon
    while kept and (everything or horizon is None or kept[0].published <= horizon):
        yield kept.popleft()
