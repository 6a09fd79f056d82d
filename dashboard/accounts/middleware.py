"""Lets in whole logins alone: with a password but without the second factor it needs, a login is nobody's on every page."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from dashboard.accounts.second_factor import Step, step_of
from dashboard.accounts.session_store import SessionStore
from dashboard.models import Person
from dashboard.web.pages import RELOADS_ITSELF

log = logging.getLogger(__name__)

_HALF, _USED = "half_login", "login_used"
ASKED_BY_PAGES = ("/reveals/in-force/",)
"""What a page asks for again and again by itself, besides its refreshes."""


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """Whose password was right, and what they still have to do."""

    person: Person
    step: Step


def whole_logins_only(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Goes after Django's ``AuthenticationMiddleware``. The database is asked once somebody asks who it is."""

    def respond(request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(lambda: _let_in(request))  # type: ignore[assignment]
        response = get_response(request)
        if getattr(request, _USED, False) and not getattr(request, RELOADS_ITSELF, False):
            _note_use(request)
        return response

    return respond


def half_login_of(request: HttpRequest) -> HalfLogin | None:
    """The login of this request that still has something to do."""
    if request.user.is_authenticated:
        return None
    found: HalfLogin | None = getattr(request, _HALF, None)
    return found


def _let_in(request: HttpRequest) -> Person | AnonymousUser:
    person = get_user(request)
    if not isinstance(person, Person):
        return AnonymousUser()
    step = step_of(person, request.session)
    if step is not None:
        setattr(request, _HALF, HalfLogin(person, step))
        return AnonymousUser()
    setattr(request, _USED, not _asked_by_itself(request))
    return person


def _note_use(request: HttpRequest) -> None:
    """Where this cannot be written, for instance since another writer is long about it, the login holds all the same."""
    if isinstance(request.session, SessionStore):
        try:
            request.session.note_use()
        except DatabaseError as error:
            log.warning("the use of a login could not be noted: %s", type(error).__name__)


def _asked_by_itself(request: HttpRequest) -> bool:
    """Whether the page asks and not the person: for a fragment that replaces itself (``data-refresh``), or what is revealed.

    A page that nobody sits at must not keep its login alive. One that reloads itself as a whole says so (``RELOADS_ITSELF``).
    """
    trigger = request.headers.get("HX-Trigger", "")
    return (bool(trigger) and trigger == request.headers.get("HX-Target")) or request.path_info in ASKED_BY_PAGES
