"""One action at a time on a resource: a lease that the other half of the project keeps in its database.

A lease expires after ``LEASE``, so a killed process locks nothing for ever. The holder renews it before each call that changes
something, and each such call takes less time than a lease lasts. If the lease has passed to another holder, ``renew`` raises
``LeaseLost`` and the action stops.
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
        """Extend the lease to ``LEASE`` from now. Raises ``LeaseLost`` if another holder has the resource now."""
        ...

    def release(self) -> None:
        """Give the resource back. Does nothing if the lease was lost."""
        ...


class Locks(Protocol):
    def acquire(self, resource: Resource, actor: Actor, doing: str) -> Lease:
        """Lock the resource for ``LEASE``. Never waits: raises ``ResourceBusy`` if another holder has it.

        ``doing`` says what is being done ("is being reset"). It is shown to people who are refused.
        """
        ...
