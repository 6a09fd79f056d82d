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
    "reveals": "audit",
    "reveal_new": "aggregates",
    "reveal_confirmations": "aggregates",
    "emergency_reveal_new": "aggregates",
    "emergency_reveals": "aggregates",
    "cases": "audit",
    "case_new": "audit",
    "case_openings": "audit",
    "case": "audit",
    "case_notes": "audit",
    "case_exports": "audit",
    "anomalies": "overview",
    "anomalies_of_kind": "overview",
    "indexing": "overview",
    "aggregate_type": "aggregates",
    "aggregate": "aggregates",
    "event": "aggregates",
    "erasure": "aggregates",
    "forgetting_new": "aggregates",
    "forgettings": "aggregates",
    "masking": "topics",
    "topic": "topics",
    "tail": "topics",
    "tails": "topics",
    "search": "topics",
    "subscription": "subscriptions",
    "projection": "projections",
    "generation": "projections",
    "generation_promotions": "projections",
    "generation_discards": "projections",
    "replays": "projections",
    "replay": "projections",
    "replay_new": "projections",
    "replay_confirmations": "projections",
    "replay_approval": "projections",
    "replay_approvals": "projections",
    "replay_report": "projections",
    "cursor_reset_new": "subscriptions",
    "cursor_resets": "subscriptions",
    "job": "jobs",
    "job_pauses": "jobs",
    "job_resumptions": "jobs",
    "job_cancellations": "jobs",
    "job_approvals": "jobs",
    "cursor_reset_events": "subscriptions",
    "skip_new": "subscriptions",
    "skips": "subscriptions",
    "redrive_new": "subscriptions",
    "redrives": "subscriptions",
    "skip_events": "subscriptions",
}


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
    found = list(seen_rows(unseen_emergencies(), sight())[:MOST_EMERGENCIES])
    return found if found and (policy.allows(person, SEE_EMERGENCY) or not has_privacy_officer()) else []


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
    above = under or _BELOW.get(name)
    places = []
    for label, url_name, action in _PLACES:
        if policy.allows(request.user, action):
            here = "page" if name == url_name else "true" if above == url_name else ""
            places.append(Place(label=label, name=url_name, url=reverse(url_name), here=here))
    return places
