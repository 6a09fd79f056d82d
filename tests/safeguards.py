"""Safeguards that a test can look into: a record that keeps what it is told, and locks in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstore.actions import Actor, Outcome, Resource, Safeguards
from eventstore.model.errors import LeaseLost, ResourceBusy


def yes(actor: Actor, action: str, resource: Resource) -> bool:
    return True


def no(actor: Actor, action: str, resource: Resource) -> bool:
    return False


class Lines:
    """A record that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self.newest_number = 0

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        self.lines.append(("intended", actor.name, actor.via, action, resource, dict(details)))
        return "act-1"

    def ended(self, act: str, outcome: Outcome) -> None:
        self.lines.append((outcome.ending.value, act, outcome.details()))

    def newest(self, resource: Resource) -> int:
        return self.newest_number

    def acted_since(self, resource: Resource, since: int) -> bool:
        return self.newest_number > since


@dataclass
class MemoryLocks:
    """One lock a resource. ``lost``: what is renewed from now on is somebody else's."""

    held: dict[str, str] = field(default_factory=dict)
    renewals: int = 0
    lost: bool = False

    def acquire(self, resource: Resource, actor: Actor, doing: str) -> "MemoryLease":
        if resource.key in self.held:
            raise ResourceBusy(f"{resource.title} {doing} by {self.held[resource.key]}.")
        self.held[resource.key] = actor.name
        return MemoryLease(self, resource.key)


@dataclass
class MemoryLease:
    locks: MemoryLocks
    key: str

    def renew(self) -> None:
        self.locks.renewals += 1
        if self.locks.lost:
            raise LeaseLost("Somebody else has it now.")

    def release(self) -> None:
        self.locks.held.pop(self.key, None)


def safeguards(record: Lines | None = None, *, authorizer: Any = yes, locks: MemoryLocks | None = None) -> Safeguards:
    return Safeguards(authorizer=authorizer, locks=locks or MemoryLocks(), record=record or Lines())


class NoRecord:
    """For tests that only look."""

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        raise AssertionError("nothing here acts")

    def ended(self, act: str, outcome: Outcome) -> None:
        raise AssertionError("nothing here acts")

    def newest(self, resource: Resource) -> int:
        raise AssertionError("nothing here acts")

    def acted_since(self, resource: Resource, since: int) -> bool:
        raise AssertionError("nothing here acts")


ONLY_LOOKING = Safeguards(authorizer=no, locks=MemoryLocks(), record=NoRecord())
