"""This process's carrier of hints, made on first use; none where no Redis is set up.

It is a thread, which no fork takes along: a process that was forked makes its own.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from dashboard.hints.carrier import Carrier
from dashboard.hints.standing import Standing

FINISHES_WITHIN = 1.0
"""Seconds that a command may take longer because of a hint."""


@dataclass
class _Own:
    lock: threading.Lock = field(default_factory=threading.Lock)
    carrier: Carrier | None = None


_own = _Own()


def listen(heard: Callable[[], object]) -> None:
    """Call ``heard``, in a thread of its own, whenever a process says that something has changed. A carrier that was made only
    to send ends."""
    if (carrier := _made(heard)) is not None and not carrier.hears:
        close()
        _made(heard)


def send() -> None:
    """Have all processes that listen look again. Waits for nothing, and cannot fail."""
    if (carrier := _made()) is not None:
        carrier.send()


def standing() -> Standing | None:
    """Whether Redis answers; ``None`` where none is set up."""
    carrier = _own.carrier
    if carrier is not None:
        return carrier.seen.standing
    return Standing.NOT_KNOWN if settings.REDIS else None


def finish() -> None:
    """At the end of a command: let what it has changed be told, if that is quickly done."""
    if (carrier := _own.carrier) is not None:
        carrier.finish(FINISHES_WITHIN)


def close() -> None:
    """End the thread. The next use makes another."""
    with _own.lock:
        carrier, _own.carrier = _own.carrier, None
    if carrier is not None:
        carrier.close()


def _made(heard: Callable[[], object] | None = None) -> Carrier | None:
    if not settings.REDIS:
        return None
    with _own.lock:
        if _own.carrier is None:
            _own.carrier = Carrier(settings.REDIS, heard)
        return _own.carrier


def _forget() -> None:
    """In a process that was forked: the thread is the parent's, and so may be whoever had the lock."""
    _own.lock, _own.carrier = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)
