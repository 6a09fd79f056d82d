"""One topic's tail: a reading thread for each partition, a sealing thread, and one that probes the store. They fill the ring.

Subscribers learn of new events by their ``wake``, which the sealing thread calls once for each chunk.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import inf

from django.db import connections

from eventstore.model.errors import EventStoreError, StoreClosed, StoreRefused, StoreUnreachable, UnknownTopic, place_of
from eventstore.model.events import Message, Position, Topic
from eventstore.model.log import Edge, Log, Reader
from eventstore.tail.holding import Holding, Watcher
from eventstore.tail.pieces import Entry, EventParser, ReadEvent, ask_for_schemas
from eventstore.tail.reading.absence import Absence
from eventstore.tail.reading.collecting import FEW, gives_arrived
from eventstore.tail.reading.partition_follower import FOR_WHOEVER_OPENS, SHORTEST_PAUSE, PartitionFollower, telling
from eventstore.tail.reading.read_buffer import ReadBuffer
from eventstore.tail.restart_backfill import by_time, read_missed
from eventstore.tail.ring import Ring
from eventstore.tail.shared.readings import Readings
from eventstore.tail.start import Places
from eventstore.tail.watchers import Watchers

logger = logging.getLogger(__name__)

READ_LIMIT = 500
WAIT = 0.5
PATIENCE = 1.0
"""Seconds between two looks at a quiet partition that nobody watches. Watched, it is asked about twenty times in one."""
READY_SECONDS = 8.0
LINGER_SECONDS = 20.0
STOP_SECONDS = 5.0
PROBE_SECONDS = 3.0


class TopicTail:
    """The readers and the ring of one topic. It stops ``LINGER_SECONDS`` after the last watcher has left."""

    def __init__(self, log: Log, read: ReadEvent, topic: Topic, forget: Callable[["TopicTail"], None]) -> None:
        self.topic = topic
        self.ring = Ring({})
        self._absence = Absence(self._wake_everybody)
        self.incarnations: dict[int, str] = {}
        """By partition, which log of the topic's name it reads, as far as the store tells."""
        self._was_away = False
        """Whether the store was away since the partitions were last known to be the same."""
        self._outages = 0
        """After how many of these times that could not be told."""
        self._failed: EventStoreError | None = None
        self._refused: EventStoreError | None = None
        self._forget, self._log, self._told = forget, log, telling(f"The tail of {topic.name} asks the store")
        self.parser = EventParser(read)
        self.holding = Holding(self)
        self.readings = Readings(log, topic.name, read, self)
        self._buffer = ReadBuffer({})
        self.watchers = Watchers()
        self._last_read_at = -inf
        """When a reader last returned an event."""
        self._stop = threading.Event()
        self._ready = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def start(self, places: Places) -> None:
        """Open a reader at the end of every partition.

        The ring also has everything after ``places``, unless that is too much or some of it may be gone.

        Raises ``StoreUnreachable`` if the store does not let the readers in within ``READY_SECONDS``, or the store's
        own error if it refused during that time. Raises ``FOR_WHOEVER_OPENS`` immediately, since waiting does not help.
        """
        ends = self._log.ends(self.topic.name)
        found = read_missed(self._log, ends, places)
        before = {end.partition: end.last.token if end.last else "" for end in ends} | {at: places[at] for at in found}
        self.ring, self._buffer = Ring(before), ReadBuffer(before)
        self._run(f"tail {self.topic.name} beat", self._seal)
        for _, messages in groupby(by_time(found), key=lambda message: message.position.partition):
            self.publish(list(messages))
        for end in ends:
            last = found[end.partition][-1].position if found.get(end.partition) else end.last
            self._run(f"tail {self.topic.name} {end.partition}", self._follow, end.partition, last or Edge.EARLIEST)
        self._run(f"tail {self.topic.name} pulse", self._keep_probing_store)
        deadline = time.monotonic() + READY_SECONDS
        for _ in ends:
            in_time = self._ready.acquire(timeout=max(0.0, deadline - time.monotonic()))
            if self._failed is not None:
                raise self._failed
            if not in_time or self.stopped:
                self.stop()
                raise self._refused or StoreUnreachable(
                    f"The store does not let {self.topic.name} be followed now. Try again."
                )

    def stop(self) -> None:
        """End the readers and tell the subscribers, which must then open another tail."""
        self._stop.set()
        self.watchers.close()
        self._ready.release(self.topic.partitions + 1)
        self._buffer.close()
        self._forget(self)
        self._wake_everybody()

    def wait_for_end(self) -> None:
        for thread in self._threads:
            thread.join(timeout=STOP_SECONDS)

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def held(self) -> bool:
        """Whether it does not read on for now, since all of its watchers are busy."""
        return self.holding.held

    @property
    def away(self) -> bool:
        """Whether the store, or one of the partitions, cannot be read now."""
        return bool(self._absence)

    @property
    def watched(self) -> bool:
        return bool(self.watchers)

    def read_to(self) -> tuple[int, Mapping[int, str]]:
        """Return how many events were read and, by partition, the last token. The newest may not be in the ring yet."""
        return self._buffer.handed_in()

    def join(self, watcher: Watcher) -> bool:
        """Add the watcher, unless the tail has stopped."""
        return self.watchers.join(watcher)

    def leave(self, watcher: Watcher) -> None:
        self.watchers.leave(watcher)
        self.ring.leave(watcher)

    def publish(self, messages: Sequence[Message]) -> None:
        """Blocks while the sealing thread is too far behind."""
        self._buffer.add(messages)

    def _run(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _seal(self) -> None:
        try:
            for messages in self._buffer.sealed():
                self.holding.wait(messages[-1].published)
                entries = tuple(Entry(message, self.parser) for message in messages)
                ask_for_schemas(entries)
                self.ring.add(entries, sealed=time.monotonic())
                self._wake_everybody()
                self._stop_if_abandoned()
        except StoreClosed:
            self.stop()
        except Exception as error:  # noqa: BLE001 -- a traceback's last line is the error's text, which may hold a payload
            self._fail(error)
        finally:
            self._buffer.collecting.take_back()
            connections.close_all()

    def _fail(self, error: Exception) -> None:
        logger.error("The tail of %s ended at an unforeseen %s at %s", self.topic.name, type(error).__name__, place_of(error))
        self.stop()

    def _stop_if_abandoned(self) -> None:
        if self.watchers.close_if_away_for(LINGER_SECONDS):
            self.stop()

    def _follow(self, partition: int, after: Position | Edge) -> None:
        """Read one partition until the tail stops. After any error of the store, go on after the last event."""
        follower = PartitionFollower(partition, after, telling(f"A tail: {self.topic.name} partition {partition}"))
        while not self._stop.is_set():
            try:
                follower.outages = self._outages
                with self._log.open_reader(self.topic.name, partition, after=follower.place) as reader:
                    if self._is_made_anew(partition, reader.incarnation):
                        break
                    if not follower.announced:
                        self._ready.release()
                        follower.announced = True
                    self._read_until_stopped(reader, follower)
            except FOR_WHOEVER_OPENS as error:
                self._failed = error
                self.stop()
            except EventStoreError as error:
                follower.told.tell(type(error).__name__)
                self._refused = error if isinstance(error, StoreRefused) else None
                self._absence.mark(partition, True)
                self._stop_if_abandoned()
                self._stop.wait(follower.next_pause())
            except Exception as error:  # noqa: BLE001 -- a partition that is not read must not look like a quiet one
                self._fail(error)
            finally:
                connections.close_all()

    def _is_made_anew(self, partition: int, incarnation: str) -> bool:
        """Stop the tail if the topic's name leads to another log by now: its subscribers come back, and are told so."""
        known = self.incarnations.get(partition)
        if known and incarnation and known != incarnation:
            logger.warning("The tail of %s partition %s ends: the topic was made anew.", self.topic.name, partition)
            self.stop()
            return True
        self.incarnations[partition] = incarnation or known or ""
        return False

    def _read_until_stopped(self, reader: Reader, follower: "PartitionFollower") -> None:
        wait, rests = WAIT, False
        while not self._stop.is_set() and follower.outages == self._outages:
            rested = follower.rest(reader, READ_LIMIT, self._buffer.rest(), self._stop) if rests else ()
            messages = rested or reader.read(limit=READ_LIMIT, timeout=wait)
            rests = 0 < len(messages) < READ_LIMIT
            follower.told.over()
            self._absence.mark(follower.partition, False)
            if messages:
                self._note_read()
                follower.place, follower.pause = messages[-1].position, SHORTEST_PAUSE
                self.publish(messages)
                if len(messages) <= FEW and self._buffer.collecting.is_crowd and gives_arrived(reader):
                    self._buffer.collecting.wait(lambda: self._collect(reader, follower))
                    rests = False
            self._stop_if_abandoned()
            wait = WAIT if messages or self._is_watched() else 0.0

    def _is_watched(self) -> bool:
        """Return whether somebody watches; if not, after a while."""
        self.watchers.wait_for_one(PATIENCE)
        return self.watched

    def _note_read(self) -> None:
        self._last_read_at = time.monotonic()
        self._absence.mark(None, False)

    def _collect(self, reader: Reader, follower: PartitionFollower) -> Sequence[Message] | None:
        """Read for the partition's own thread, in the sealing one."""
        messages = None if self._stop.is_set() else follower.arrived(reader, READ_LIMIT, self._outages)
        if messages:
            self._note_read()
        return messages

    def _keep_probing_store(self) -> None:
        """Probe in a thread of its own: a store that does not answer requests for a while may still deliver events."""
        try:
            while not self._stop.wait(PROBE_SECONDS):
                self._probe_store()
        except Exception as error:  # noqa: BLE001 -- a store that is not probed must not look like a quiet one
            self._fail(error)
        finally:
            connections.close_all()

    def _probe_store(self) -> None:
        """Ask whether the store answers and how many partitions there are.

        The reader of a broker that died waits in silence, and no reader is told of added partitions.
        """
        asked_at = time.monotonic()
        try:
            self._log.ping()
            partitions = self._log.topic(self.topic.name).partitions
            if self._was_away:
                self._look_for_other_logs()
        except (StoreClosed, UnknownTopic) as error:
            self._failed = error
            self.stop()
            return
        except StoreUnreachable:
            self._was_away = True
            self._absence.mark(None, self._last_read_at < asked_at - PROBE_SECONDS)  # unless it delivers events all the same
            return
        except EventStoreError as error:  # it answers, but refuses
            self._told.tell(type(error).__name__)
            return
        self._told.over()
        self._absence.mark(None, False)
        if partitions != self.topic.partitions:
            self.stop()

    def _look_for_other_logs(self) -> None:
        """The store was away: stop if a partition is another one by now. What it does not tell, readers opened again show."""
        told = True
        for partition in range(self.topic.partitions):
            now = self._log.incarnation(self.topic.name, partition)
            told &= bool(now and self.incarnations.get(partition))
            if self._is_made_anew(partition, now):
                return
        self._outages += not told
        self._was_away = False

    def _wake_everybody(self) -> None:
        for watcher in self.watchers.now():
            watcher.wake()

    def watching(self) -> Sequence[Watcher]:
        return self.watchers.now()
