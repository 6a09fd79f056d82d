"""What every template may use."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from dashboard.access import policy
from dashboard.models import Person
from dashboard.rendering.text import format_duration
from dashboard.web import filter_form, store_health


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One of the places on the left. ``here`` is ``page`` on that very page, ``true`` on those below it: aria-current."""

    label: str
    url: str
    here: str


_PLACES = (
    ("Overview", "overview", "browse"),
    ("Aggregates", "aggregates", "browse"),
    ("Topics", "topics", "browse"),
    ("Subscriptions", "subscriptions", "browse"),
    ("Audit", "audit", "read_audit"),
)
_BELOW = {
    "anomalies": "overview",
    "anomalies_of_kind": "overview",
    "indexing": "overview",
    "aggregate_type": "aggregates",
    "aggregate": "aggregates",
    "event": "aggregates",
    "topic": "topics",
    "tail": "topics",
    "tails": "topics",
    "search": "topics",
    "subscription": "subscriptions",
    "cursor_reset_new": "subscriptions",
    "cursor_resets": "subscriptions",
}


def desk(request: HttpRequest) -> dict[str, Any]:
    """``installation``, ``places``, ``role``, ``may`` (action → bool), ``searchable`` (names of values that the search box
    looks for as well) and ``foot``; nothing is asked before it is used."""
    person = getattr(request, "user", None)
    known = isinstance(person, Person)
    return {
        "installation": settings.EVENTDESK.installation,
        "known_person": known,
        "role": person.get_role_display() if isinstance(person, Person) else "",
        "may": {action: policy.allows(person, action) for action in policy.TABLE} if person is not None else {},
        "places": places(request) if known else [],
        "searchable": filter_form.searchable_names(person) if isinstance(person, Person) else [],
        "foot": SimpleLazyObject(foot),
    }


def foot() -> dict[str, Any]:
    """How index and store stand, as of now, in words."""
    try:
        index = store_health.index_standing()
    except DatabaseError:
        return {"index": "index does not answer", "index_ok": False, "store": None}
    return {
        "index": _index_words(index),
        "index_ok": index.behind is not None and index.behind < 60,
        "store": store_health.store_standing(),
    }


def _index_words(index: store_health.IndexStanding) -> str:
    if not index.topics:
        return "index: no topic read yet"
    if index.behind is None:
        return "index catching up"
    return f"index {format_duration(index.behind)} behind"


def places(request: HttpRequest, under: str = "") -> list[Place]:
    """The places that this person may go to. ``under``: the URL name of the one above this page, where its own URL
    cannot tell: an event without an aggregate belongs to its topic."""
    match = request.resolver_match
    name = match.url_name or "" if match else ""
    above = under or _BELOW.get(name)
    places = []
    for label, url_name, action in _PLACES:
        if policy.allows(request.user, action):
            here = "page" if name == url_name else "true" if above == url_name else ""
            places.append(Place(label=label, url=reverse(url_name), here=here))
    return places
