"""What this package needs of people, without knowing any: who acts, whether they may, and a record of it.

The desk is built with a ``Record`` and a ``May``; every act passes through ``acting``. The record says *intended* before
anything is touched and *done* or *failed* after, so that a crash in between leaves a trace (settled later as *unknown*).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from eventstore.model.errors import EventStoreError, NotAllowed, StoreUnreachable


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The person on whose behalf something is done. ``via`` says from where: "page", "command line"."""

    name: str
    via: str = "page"


class May(Protocol):
    def __call__(self, actor: Actor, action: str, scope: str) -> bool: ...


class Record(Protocol):
    """The audit record. ``details`` hold names, positions and counts; never a value of an event."""

    def intended(self, actor: Actor, action: str, scope: str, details: Mapping[str, Any]) -> str:
        """Write that this is about to happen; answers the act's id."""
        ...

    def done(self, act: str, details: Mapping[str, Any]) -> None: ...

    def failed(self, act: str, reason: str) -> None: ...

    def unknown(self, act: str, reason: str) -> None:
        """It may or may not have been done: the store gave no answer."""
        ...


@contextmanager
def acting(
    record: Record, may: May, actor: Actor, action: str, scope: str, details: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Do something under the record. What the block puts into the yielded dictionary is recorded as its outcome.

    ``NotAllowed`` before anything is written where the access table forbids it. An error is recorded by its class (and its
    sentence, where it is one of ours) and goes on to the caller.
    """
    if not may(actor, action, scope):
        raise NotAllowed(f"{actor.name} may not do this ({action}). An admin can give the role that may.")
    act = record.intended(actor, action, scope, details)
    outcome: dict[str, Any] = {}
    try:
        yield outcome
    except StoreUnreachable as error:
        record.unknown(act, reason_of(error))
        raise
    except BaseException as error:
        record.failed(act, reason_of(error))
        raise
    record.done(act, outcome)


def reason_of(error: BaseException) -> str:
    """The error as the record keeps it. Only our own errors are known to be free of payloads."""
    return str(error) if isinstance(error, EventStoreError) else type(error).__name__
