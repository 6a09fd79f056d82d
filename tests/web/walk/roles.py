"""Who walks."""

from collections.abc import Callable, Mapping

from django.test import Client
from django.urls import URLPattern

from dashboard.access import policy
from dashboard.web.pages import MARK
from tests.people import person
from tests.web.walk.pages import ROUTES

WALKS: Mapping[str, Callable[[str], bool]] = {
    "viewer": lambda action: True,
    "privacy": lambda action: not allowed("viewer", action) and allowed("privacy", action),
    "support": lambda action: not allowed("viewer", action) and allowed("support", action),
    "auditor": lambda action: not allowed("viewer", action) and allowed("auditor", action),
}
"""The roles that see no value by right, and where each walks: who sees what a viewer sees, only where no viewer may."""
ACTOR = "admin"
"""Who may do whatever can be done."""


def allowed(role: str, action: str) -> bool:
    return action in policy.TABLE and role in policy.TABLE[action].roles


def routes_of(role: str) -> list[URLPattern]:
    return [route for route in ROUTES if WALKS[role](getattr(route.callback, MARK, "") or "")]


def logged_in(role: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person(role))
    return client
