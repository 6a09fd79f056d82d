"""The context of every template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from dashboard.access import policy
from dashboard.access.scopes import Scope
from dashboard.gateway import sight
from dashboard.models import Person, Reveal
from dashboard.privacy.by_reason.of_request import open_case_of, reveals_of, shows_revealed
from dashboard.privacy.by_reason.reveals import SEE_EMERGENCY, has_privacy_officer, unseen_emergencies
from dashboard.scoping.rows import seen_rows
from dashboard.web import completeness, filter_form
from eventstore.prepared import Prepared


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One of the places on the left. ``here`` is its aria-current: ``page`` on that page, ``true`` on the pages below it.

    ``name`` is the name of its URL.
    """

    label: str
    name: str
    url: str
    here: str


MOST_EMERGENCIES = 5
"""Emergency reveals that a page tells of: the newest."""
_PLACES = (
    ("Overview", "overview", "browse"),
    ("Aggregates", "aggregates", "browse"),
    ("Topics", "topics", "browse"),
    ("Subscriptions", "subscriptions", "browse"),
    ("Projections and replays", "projections", "browse"),
    ("Jobs", "jobs", "browse"),
    ("Audit", "audit", "read_audit"),
)
_BELOW = {
    "dashboard.cases": "audit",
    "dashboard.cursors": "subscriptions",
    "dashboard.erasure": "aggregates",
    "dashboard.generations": "projections",
    "dashboard.jobs": "jobs",
    "dashboard.letters": "subscriptions",
    "dashboard.masking": "topics",
    "dashboard.projections": "projections",
    "dashboard.record": "audit",
    "dashboard.redrives": "subscriptions",
    "dashboard.replays": "projections",
    "dashboard.reveals": "aggregates",
    "dashboard.reveals.listing": "audit",
    "dashboard.subscriptions": "subscriptions",
    "dashboard.views.aggregate_types": "aggregates",
    "dashboard.views.aggregates": "aggregates",
    "dashboard.views.anomalies": "overview",
    "dashboard.views.events": "aggregates",
    "dashboard.views.indexing": "overview",
    "dashboard.views.overview": "overview",
    "dashboard.views.searches": "topics",
    "dashboard.views.tail": "topics",
    "dashboard.views.topic_details": "topics",
    "dashboard.views.topics": "topics",
}
"""The URL name of the place above a page, by the room or the module that has the page's view. Pages of others have none."""


def desk(request: HttpRequest) -> dict[str, Any]:
    """The variables that every template may use. What queries anything does so only when it is used.

    ``may`` maps each action to whether this person may do it. ``searchable`` are names of values that the search box includes,
    ``values_building`` those of them that some older events do not have yet.
    """
    person = getattr(request, "user", None)
    known = isinstance(person, Person)
    return {
        "installation": settings.EVENTDESK.installation,
        "read_only": policy.is_read_only(),
        "known_person": known,
        "role": person.get_role_display() if isinstance(person, Person) else "",
        "may": {action: policy.allows(person, action) for action in policy.TABLE} if person is not None else {},
        "places": places(request) if known else [],
        "searchable": filter_form.searchable_names(request) if known else [],
        "values_building": SimpleLazyObject(lambda: filter_form.values_building(request) if known else []),
        "standing": SimpleLazyObject(completeness.standing),
        "reveals": SimpleLazyObject(lambda: _seen(reveals_of(request))),
        "scope": SimpleLazyObject(lambda: _scope() if known else None),
        "page_shows_revealed": SimpleLazyObject(lambda: shows_revealed(request)),
        "open_case": SimpleLazyObject(lambda: open_case_of(request)),
        "unseen_emergencies": SimpleLazyObject(lambda: _emergencies(person)),
    }


def _emergencies(person: object) -> list[Reveal]:
    """Emergency reveals that somebody has to see, for those who have to; for all who read reveals if nobody has to."""
    if not isinstance(person, Person) or not policy.allows(person, "read_reveals"):
        return []
    within = sight()
    found = _NEWEST() if within is None else list(seen_rows(unseen_emergencies(), within)[:MOST_EMERGENCIES])
    return found if found and (policy.allows(person, SEE_EMERGENCY) or not has_privacy_officer()) else []


_NEWEST = Prepared(lambda: unseen_emergencies()[:MOST_EMERGENCIES])


def _seen(found: Sequence[Reveal]) -> Sequence[Reveal]:
    within = sight()
    return found if within is None else [each for each in found if within.sees(each)]


def _scope() -> Scope | None:
    """The scope outside of which the person sees nothing; ``None`` for somebody who sees everything."""
    within = sight()
    return within.scope if within is not None else None


def places(request: HttpRequest, under: str = "") -> list[Place]:
    """The places that this person may visit.

    ``under`` is the URL name of the place above this page, if the page's own URL does not tell. An event without an aggregate,
    for example, belongs to its topic.
    """
    match = request.resolver_match
    name = match.url_name or "" if match else ""
    above = under or (place_above(match.func.__module__) if match else "")
    places = []
    for label, url_name, action in _PLACES:
        if policy.allows(request.user, action):
            here = "page" if name == url_name else "true" if above == url_name else ""
            places.append(Place(label=label, name=url_name, url=reverse(url_name), here=here))
    return places


def place_above(module: str) -> str:
    """The URL name of the place to which the pages of this module belong; empty if they belong to none."""
    while module and module not in _BELOW:
        module = module.rpartition(".")[0]
    return _BELOW.get(module, "")
