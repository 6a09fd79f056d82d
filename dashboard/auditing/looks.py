"""Looks and searches on the record: what of masked data a person saw, without any of it. Importing this registers both."""

from collections.abc import Collection, Sequence

from dashboard.access.policy import PAGE, Rule, allow
from dashboard.auditing.chain import noted
from eventstore.actions import AGGREGATE, STORE, TOPIC, Action, Actor, Resource, Undo, register, topic_resource

EVENT = "event"
MASKED, REVEALED, CLEAR = "masked", "revealed", "clear"
"""How values were shown."""
MOST_PATHS = 20

LOOK = register(
    Action(
        name="look",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="View",
        doing="is being looked at",
        undo=Undo(possible=False, how="What was seen cannot be unseen."),
        exclusive=False,
    )
)
SEARCH_MASKED = register(
    Action(
        name="search_masked",
        acts_on=frozenset({TOPIC, AGGREGATE, STORE}),
        title="Search by masked values",
        doing="is being searched",
        undo=Undo(possible=False, how="What was found cannot be forgotten."),
        exclusive=False,
    )
)
EXPORT_PAYLOAD = register(
    Action(
        name="export_payload",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="Download payload",
        doing="is being downloaded",
        undo=Undo(possible=False, how="A file that was downloaded cannot be taken back."),
        exclusive=False,
    )
)
for action in (LOOK, SEARCH_MASKED, EXPORT_PAYLOAD):
    allow(action, Rule(roles=frozenset()))
"""Nobody performs them: pages record them."""


def note_payload(person: str, resource: Resource, address: str) -> None:
    """This person has downloaded all that this event holds, as it is in the store, from this address."""
    _note(person, EXPORT_PAYLOAD, resource, {"values": CLEAR, "address": address or None})


def note_look(person: str, resource: Resource, values: str) -> None:
    """This person has looked at it, and saw values like this."""
    _note(person, LOOK, resource, {"values": values})


def note_search(person: str, topics: Sequence[str], paths: Collection[str]) -> None:
    """This person has compared these masked values for equality in these topics (none: in any); with what is not recorded."""
    resource = topic_resource(topics[0]) if len(topics) == 1 else Resource(kind=STORE)
    details: dict[str, object] = {"fields": sorted(paths)[:MOST_PATHS], "topics": list(topics[:MOST_PATHS]), "values": MASKED}
    _note(person, SEARCH_MASKED, resource, details)


def _note(person: str, action: Action, resource: Resource, details: dict[str, object]) -> None:
    noted(Actor(name=person, via=PAGE), action.name, resource, details)
