"""Following topics live: one reader a partition and process, whoever watches; a ring of events; viewers are places in it.

A slow viewer costs nothing and is told how many events it missed.
"""

import threading
from collections.abc import Callable, Sequence
from heapq import merge

from eventstore.events import Event, Message, Position, Topic
from eventstore.ring import Entry
from eventstore.storage import Storage
from eventstore.topic_tail import TopicTail
from eventstore.viewing import MOST_WAITING, Places, Viewer, Wake


class Hub:
    """This process's tails, by topic. Starts with the first viewer of a topic and stops after the last has gone."""

    def __init__(self, *, storage: Storage, read: Callable[[Message], Event]) -> None:
        self._storage = storage
        self._read = read
        self._lock = threading.Lock()
        self._tails: dict[str, TopicTail] = {}
        self._gates: dict[str, threading.Lock] = {}
        """One a topic: starting a tail takes a while, and must not keep the others waiting."""

    def open(self, topic: Topic, places: Places, wake: Wake) -> Viewer:
        """Watch a topic from just behind these places: what was published since comes first, then the live events, with
        neither gap nor double. Blocks for a moment; ``StoreUnreachable`` where the store is away."""
        viewer = self._viewer_of(topic, wake)
        try:
            self._bring_up(viewer, places)
        except BaseException:
            viewer.close()
            raise
        return viewer

    def close(self) -> None:
        with self._lock:
            tails, self._tails = list(self._tails.values()), {}
        for tail in tails:
            tail.stop()
        for tail in tails:
            tail.wait_for_end()

    def _viewer_of(self, topic: Topic, wake: Wake) -> Viewer:
        while True:
            tail = self._tail_of(topic)
            viewer = Viewer(tail=tail, wake=wake, next_number=tail.ring.next_number, floors={})
            if tail.join(viewer):
                return viewer

    def _tail_of(self, topic: Topic) -> TopicTail:
        with self._lock:
            gate = self._gates.setdefault(topic.name, threading.Lock())
        with gate:
            with self._lock:
                there = self._tails.get(topic.name)
            if there is not None and there.topic == topic and not there.stopped:
                return there
            if there is not None:
                there.stop()
            tail = TopicTail(self._storage, self._read, topic, self._forget)
            tail.start()
            with self._lock:
                self._tails[topic.name] = tail
            return tail

    def _forget(self, tail: TopicTail) -> None:
        """Let go of a tail that has stopped, and of all that its ring holds."""
        with self._lock:
            if self._tails.get(tail.topic.name) is tail:
                del self._tails[tail.topic.name]

    def _bring_up(self, viewer: Viewer, places: Places) -> None:
        """Read from the store what the viewer missed. The ring already covers all from before this reading, so that the two
        overlap; ``floors`` cuts the overlap off."""
        topic = viewer.tail.topic
        lanes: list[Sequence[Message]] = []
        for partition in range(topic.partitions if places else 0):
            token = places.get(partition, "")
            last = self._storage.position(topic.name, partition, token) if token else None
            messages, complete = self._missed(topic.name, partition, last)
            viewer.more_missed |= not complete
            lanes.append(messages)
            floor = messages[-1].position if messages else last
            if floor is not None:
                viewer.floors[partition] = floor
        # Merged by the lanes' heads: a lane's own order stands, whatever its publishers' clocks say.
        missed = merge(*lanes, key=lambda message: message.published)
        viewer.missed = [Entry(number=-1, event=self._read(message)) for message in missed]

    def _missed(self, topic: str, partition: int, last: Position | None) -> tuple[Sequence[Message], bool]:
        messages = self._storage.read_forward(topic, partition, after=last, limit=MOST_WAITING + 1)
        if len(messages) <= MOST_WAITING:
            return messages, True
        return list(reversed(self._storage.read_backward(topic, partition, limit=MOST_WAITING))), False
