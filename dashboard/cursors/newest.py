"""The moves of a subscription's cursor, as the record has them."""

from dashboard.auditing.acts import Act, acts
from dashboard.cursors.wording import deed_of
from dashboard.models import State
from eventstore.actions import KEPT, Resource

MOST_LOOKED_AT = 50
"""Acts on a subscription among which its newest move is looked for."""


def newest_move(resource: Resource) -> Act | None:
    """The newest act that has, or may have, moved the subscription's cursor; ``None`` if it keeps no place to go back to."""
    for act in acts(limit=MOST_LOOKED_AT, on=resource):
        if act.state != State.FAILED and KEPT in act.details:
            return act
    return None


def move_of(resource: Resource, id: str) -> Act | None:
    """The move with this id; the newest one if the id is empty."""
    if not id:
        return newest_move(resource)
    return next((act for act in acts(limit=MOST_LOOKED_AT, on=resource) if str(act.act) == id and KEPT in act.details), None)


def moved_words(act: Act) -> str:
    """Who did it, and what: "anna has reset this subscription."."""
    return f"{act.actor} has {deed_of(act.action)[0]} this subscription."
