"""Looks and searches on the record: what of masked data a person saw, without any of it. Importing this registers both."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.utils.crypto import salted_hmac

from dashboard.access.actors import page_actor
from dashboard.access.policy import Rule, allow
from dashboard.auditing.chain import noted
from dashboard.auditing.entries import storable
from dashboard.auditing.reasons import with_case
from dashboard.models import AuditEntry
from eventstore.actions import AGGREGATE, STORE, TOPIC, Action, Resource, Undo, register, topic_resource

EVENT = "event"
MASKED, REVEALED, CLEAR = "masked", "revealed", "clear"
"""How values were shown."""
MOST_PATHS = 20
ONCE = timedelta(minutes=1)
MOST_AT_ONCE = 200
"""Of a person's newest searches, how many are looked through for the same one."""
MARK_LENGTH = 16

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
    allow(action, Rule(roles=frozenset(), while_read_only=True))
"""Nobody performs them: pages record them."""


def note_payload(person: str, resource: Resource, address: str) -> None:
    """This person has downloaded all that this event holds, as it is in the store, from this address."""
    _note(person, EXPORT_PAYLOAD, resource, {"values": CLEAR, "address": address or None})


def note_look(person: str, resource: Resource, values: str) -> None:
    """This person has looked at it, and saw values like this."""
    _note(person, LOOK, resource, {"values": values})


def note_search(person: str, topics: Sequence[str], paths: Collection[str], asked: str, found: int | None = None) -> None:
    """This person has compared these masked values for equality in these topics (none: in any), and found so many.

    What was ``asked`` is recorded as a mark alone, which nobody else's search has and nobody can compute. The same search of
    the same person within ``ONCE`` is recorded once: a page asks it again for each of its fragments.
    """
    resource = topic_resource(topics[0]) if len(topics) == 1 else Resource(kind=STORE)
    fields = sorted(paths)[:MOST_PATHS]
    mark = _mark_of(person, topics, fields, asked)
    if _is_noted(person, mark):
        return
    details: dict[str, object] = {"fields": fields, "topics": list(topics[:MOST_PATHS]), "values": MASKED, "mark": mark}
    _note(person, SEARCH_MASKED, resource, details if found is None else {**details, "found": found})


def _mark_of(person: str, topics: Sequence[str], fields: Sequence[str], asked: str) -> str:
    text = json.dumps([person, list(topics), list(fields), asked])
    return salted_hmac("dashboard.auditing.looks", text, algorithm="sha256").hexdigest()[:MARK_LENGTH]


def _is_noted(person: str, mark: str) -> bool:
    """Whether the person's newest searches hold this one."""
    since = datetime.now(UTC) - ONCE
    mine = AuditEntry.objects.filter(begins=True, actor=storable(person), action=SEARCH_MASKED.name, written__gte=since)
    newest = mine.order_by("-number").values_list("details", flat=True)[:MOST_AT_ONCE]
    same_case = with_case({}, person).items()
    return any(f'"mark":"{mark}"' in each and same_case <= json.loads(each).items() for each in newest)


def _note(person: str, action: Action, resource: Resource, details: dict[str, object]) -> None:
    noted(page_actor(person), action.name, resource, details)
