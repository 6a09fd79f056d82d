"""Closes the client's readers and consumers in the thread in which the client receives their messages.

The client keeps a timer for messages in chunks. It starts it when the first chunk arrives, in the thread that receives, and
stops it in the thread that closes, without a lock (pulsar-client 3.13.0, on pulsar-client-cpp 4.2.0). If both happen at the
same moment, the timer stays in the client's list after its memory was freed, and whatever lies there next is overwritten: the
process ends with ``corrupted size vs. prev_size``, with a segmentation fault, or its connection stands still. In the receiving
thread, of which a client has one, the two can only follow each other.
"""

import threading
import time
from contextlib import suppress
from typing import Any

import pulsar

MOST_SECONDS = 10.0
"""How long to wait for the broker's answers. It is longer than the client's own limit for one."""
MOST_TRIES, PAUSE_SECONDS = 10, 0.0005
"""How often to ask, and the first of the pauses between, each twice as long as the one before. On a busy machine the answer
may come before the client listens for it, and is then given in the asking thread."""


def close_reader(reader: pulsar.Reader) -> None:
    """Close it; harmless if it is closed. The broker's answer is not waited for: nobody else wants the reader's place."""
    _close(reader, reader._reader, waits=False)


def close_consumer(consumer: pulsar.Consumer) -> None:
    """As ``close_reader``, but wait for the answer: then another consumer may take the place."""
    _close(consumer, consumer._consumer, waits=True)


def close_all(client: pulsar.Client) -> None:
    """Close what the client has open, before it is closed itself.

    Nothing more is closed here once the broker does not answer, or after ``MOST_SECONDS`` for all.
    """
    until = time.monotonic() + MOST_SECONDS
    for opened in list(client._consumers):
        own = opened._reader if isinstance(opened, pulsar.Reader) else opened._consumer
        if not opened.is_connected():
            continue
        closing = _closed_in_receiving_thread(client._client, own, waits=True, until=until)
        if closing is None or closing.unanswered:
            return


def _close(opened: Any, own: Any, *, waits: bool) -> None:
    until = time.monotonic() + MOST_SECONDS
    if not (opened.is_connected() and _closed_in_receiving_thread(opened._client._client, own, waits=waits, until=until)):
        with suppress(pulsar.PulsarException):  # the broker is away, and removes it by itself
            own.close()
    with suppress(ValueError):
        opened._client._consumers.remove(opened)  # as its own ``close`` does


def _closed_in_receiving_thread(client: Any, own: Any, *, waits: bool, until: float) -> "_Closing | None":
    """Return how it was closed there, or ``None``. Then the broker is away, and nothing arrives that could be in the way.

    The way into that thread is the answer to a question. Asked is how many partitions the topic has, as the client does before
    it opens a reader. Any answer will do. The question makes no topic anew: before the broker deletes one, it disconnects its
    readers.
    """
    for number in range(MOST_TRIES):
        if (left := until - time.monotonic()) <= 0:
            return None
        closing = _Closing(own, waits=waits)
        client.get_topic_partitions_async(own.topic(), closing.begin)
        if not closing.ended.wait(left):
            return None
        if closing.begun:
            return closing
        time.sleep(PAUSE_SECONDS * 2**number)
    return None


class _Closing:
    """Closes what was opened when the answer comes, unless it comes in the thread that asked.

    If the broker does not answer, the client does so itself after its own limit: then it is ``unanswered``.
    """

    def __init__(self, opened: Any, *, waits: bool) -> None:
        self.begun, self.unanswered, self.ended = False, False, threading.Event()
        self._opened, self._waits, self._asking = opened, waits, threading.get_ident()

    def begin(self, result: Any, partitions: Any) -> None:
        if threading.get_ident() != self._asking:
            self.begun = True
            self._opened.close_async(self._end if self._waits else None)
        if not (self.begun and self._waits):
            self.ended.set()

    def _end(self, result: Any) -> None:
        self.unanswered = result == pulsar.Result.Timeout
        self.ended.set()
