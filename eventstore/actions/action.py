"""What an action is. A capability registers its own; access, locks, record and recovery are written once, for all."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from eventstore.actions.resource import Resource
from eventstore.actions.running import Running
from eventstore.model.events import NOTHING
from eventstore.model.storage import Storage

Aim = TypeVar("Aim")
P = TypeVar("P", bound="Plan")
A = TypeVar("A", bound="Action")


class Plan(Protocol):
    """What an action would do, worked out without touching anything."""

    @property
    def digest(self) -> str:
        """A hash of what is confirmed. It changes when that changes, and not through ordinary traffic."""
        ...

    def confirmed_by(self, digest: str) -> bool:
        """Whether a plan with this digest means the same."""
        ...

    def details(self) -> Mapping[str, Any]:
        """For the record: names, positions and counts; never a value of an event."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """Whether an action can be undone, and how, in a sentence for people."""

    possible: bool
    how: str


def nothing_shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """For an action that leaves nothing in the store."""
    return NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """``name`` is its key in the access table and on the record; ``title`` is what people read ("Reset cursor").

    ``doing`` completes "patients …" while it runs ("is being reset"). ``exclusive``: one at a time on a resource. ``shows``
    returns what the store shows of the resource after a crash; its ``details`` are those of the act on the record.
    """

    name: str
    acts_on: frozenset[str]
    title: str
    doing: str
    undo: Undo
    exclusive: bool = True
    shows: Callable[[Storage, Resource, Mapping[str, Any]], Mapping[str, Any]] = nothing_shown


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedAction(Action, Generic[Aim, P]):
    """An action that is previewed, confirmed by its plan's digest, and then done as planned or refused.

    ``plan`` touches nothing. ``execute`` does what the plan says, reports its parts to ``Running``, and calls
    ``Running.renew`` before each call that changes something.
    """

    plan: Callable[[Storage, Resource, Aim], P]
    execute: Callable[[Storage, P, Running], None]


_registered: dict[str, Action] = {}


def register(action: A) -> A:
    """Make the action known by its name; ``ValueError`` where another has that name."""
    if _registered.setdefault(action.name, action) is not action:
        raise ValueError(f"There are two actions named {action.name!r}.")
    return action


def action_named(name: str) -> Action | None:
    """The registered action, or ``None``: an old record may name an action that is gone."""
    return _registered.get(name)


def registered() -> Iterable[Action]:
    return list(_registered.values())
