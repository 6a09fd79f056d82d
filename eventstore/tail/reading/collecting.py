"""Partitions in which events come one by one are read by the sealing thread, once a beat, while their own threads wait.

With events in 300 partitions, nearly each one woke a thread for itself, which took several times as long as the event. Events
wait for the beat in any case, unless they come after a pause. So no event comes later: after a beat without an event, all
partitions are read by their own threads again.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

from eventstore.model.events import Message
from eventstore.model.log import Reader, arrived_at

CROWD = 16
"""So many times in a beat readers hand over at least before partitions are left to the sealing thread."""
FEW, MANY = 16, 50
"""A partition is left to it whose reader returned ``FEW`` events at most, and read by its own thread again once there are more
than ``MANY`` in a beat."""
QUIET_BEATS = 10
"""After so many beats without an event, a partition is read by its own thread again, whose reader may leave the store."""

Collect = Callable[[], Sequence[Message] | None]
"""Returns what has arrived in a partition, without waiting; ``None`` if its own thread has to read it."""


class Left:
    """A partition that is left to the sealing thread."""

    __slots__ = ("collect", "quiet", "taken_back")

    def __init__(self, collect: Collect) -> None:
        self.collect = collect
        self.quiet = 0
        """Beats since its last event."""
        self.taken_back = threading.Event()

    def stays_after(self, messages: Sequence[Message] | None) -> bool:
        """Return whether the sealing thread goes on with it after it has collected this."""
        self.quiet = 0 if messages else self.quiet + 1
        return messages is not None and len(messages) <= MANY and self.quiet < QUIET_BEATS


class Collecting:
    """The partitions of one topic that are left to its sealing thread. ``changed``: see ``ReadBuffer``, which notes with its
    lock held whether there is a crowd, and closes this."""

    def __init__(self, changed: threading.Condition, most_events: int, most_bytes: int) -> None:
        self._changed, self._most_events, self._most_bytes = changed, most_events, most_bytes
        self._left: list[Left] = []
        """Replaced by the sealing thread, appended to by others, each with the lock held."""
        self._taken_back: Sequence[Left] = ()
        self._seen = 0
        self.is_crowd = self.closed = False
        self.is_cut = False
        """Whether the last collecting ended early, since it had found so much."""

    def __bool__(self) -> bool:
        return bool(self._left)

    def wait(self, collect: Collect) -> None:
        """Leave a partition to the sealing thread, and wait until it is taken back. Without a crowd, return at once."""
        with self._changed:
            if self.closed or not self.is_crowd:
                return
            left = Left(collect)
            self._left.append(left)
            if len(self._left) == 1:
                self._changed.notify_all()
        left.taken_back.wait()

    def collect(self) -> Mapping[int, Sequence[Message]]:
        """Return what has arrived, by partition, up to about as much as ``ReadBuffer`` holds. For the sealing thread.

        It calls ``settle`` once that is ahead of what the partitions' own threads may read next.
        """
        turn = list(self._left)
        found: dict[int, Sequence[Message]] = {}
        taken_back: list[Left] = []
        seen = events = size = 0
        for left in turn:
            if events >= self._most_events or size >= self._most_bytes:
                break
            seen += 1
            if messages := left.collect():
                found[messages[0].position.partition] = messages
                events += len(messages)
                size += sum([len(message.payload) for message in messages])
            if not left.stays_after(messages):
                taken_back.append(left)
        self.is_cut = seen < len(turn)
        self._seen, self._taken_back = seen, taken_back if found else turn
        return found

    def settle(self) -> None:
        """Take back what shall not stay. What was not collected since it was too much comes first the next time."""
        if self._taken_back or self.is_cut:
            self._take_back(self._taken_back, self._seen)

    def take_back(self) -> None:
        """Have all partitions read by their own threads again. For the sealing thread, before it ends."""
        self._take_back(list(self._left), 0)

    def _take_back(self, these: Sequence[Left], seen: int) -> None:
        gone = set(these)
        with self._changed:
            self._left = [left for left in (*self._left[seen:], *self._left[:seen]) if left not in gone]
        for left in these:
            left.taken_back.set()


def gives_arrived(reader: Reader) -> bool:
    """Return whether the reader gives now what has arrived, without waiting."""
    return arrived_at(reader, limit=0) is not None
