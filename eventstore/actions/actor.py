"""Who acts, and whether they may. The event store knows no people: both are handed in."""

from dataclasses import dataclass
from typing import Protocol

from eventstore.actions.resource import Resource


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The person on whose behalf something is done. ``via`` says from where: "page", "command line"."""

    name: str
    via: str = "page"


class Authorizer(Protocol):
    def __call__(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether the actor may do this to the resource now."""
        ...
