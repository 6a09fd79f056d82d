"""One action at a time on a resource: a lease that the other half of the project keeps in its database.

A lease ends by itself after ``LEASE``, so that a killed process locks nothing for ever. The holder renews it before each call
that changes something; a call takes less time than a lease lasts. A holder whose lease has passed to somebody else is told so
by ``renew`` and makes no further call.
"""

from datetime import timedelta
from typing import Protocol

from eventstore.actions.actor import Actor
from eventstore.actions.resource import Resource

LEASE = timedelta(seconds=120)
"""Longer than any single call that changes something (a driver's longest is a cursor reset: 90 seconds)."""


class Lease(Protocol):
    """Held by one thread of one process."""

    def renew(self) -> None:
        """Hold on for another ``LEASE`` from now; ``LeaseLost`` where somebody else has the resource by now."""
        ...

    def release(self) -> None:
        """Let go. Harmless where it was lost."""
        ...


class Locks(Protocol):
    def acquire(self, resource: Resource, actor: Actor, doing: str) -> Lease:
        """Lock the resource for ``LEASE``, at once or not at all: ``ResourceBusy`` where somebody else has it.

        ``doing`` says what is done to it ("is being reset"): others read it while they have to wait.
        """
        ...
