"""Asks the provider about each request of somebody who came by it, before the page sees the request."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from dashboard.models import Person
from dashboard.signin import answers, kept, leaving
from dashboard.signin.checking import Standing, State, standing_of
from dashboard.web.database_problem import database_problem
from dashboard.web.pages import NOT_CHECKED, problem, wants_fragment
from dashboard.web.problems import Problem, problem_of
from eventstore.model import EventStoreError

NOT_ASKED = frozenset(
    {"login", "logout", "sign_in", "sign_in_callback", "signed_out", "healthz", "readyz", "robots", "metrics"}
)
"""Names of the URLs that show nothing of the store. A logout goes on while the provider is away."""
AWAY = "sign_in_away"
ENDED_IS_TOLD = "Your sign-in has ended. Sign in again."
NO_ROLE = "none of the person's groups gives a role"


class ProviderMiddleware:
    """``request.sign_in_away`` says, while the provider does not answer, how long its last answer holds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refused = self._checked(request)
        return self.get_response(request) if refused is None else refused

    def _checked(self, request: HttpRequest) -> HttpResponse | None:
        """Nothing, where the login holds or has ended: then the page leads to the login. Otherwise why it is not shown.

        Also before a page that says that there is no such page: it has the places on the left, and what is open there.
        """
        try:
            return self._standing(request)
        except DatabaseError:
            if page := database_problem(request):
                return page
            raise
        except EventStoreError as error:  # what changed could not be recorded
            request.user = AnonymousUser()
            return problem(request, problem_of(error))

    def _standing(self, request: HttpRequest) -> HttpResponse | None:
        if _page_of(request) in NOT_ASKED:
            setattr(request, NOT_CHECKED, True)
            return None
        if not isinstance(request.user, Person):
            return None
        text = kept.text_of(request.session)
        if text:
            return _answer(request, request.user, standing_of(text, request.user))
        if not settings.LOCAL_LOGIN:
            _end(request, request.user, "logins by a password are not taken any more", "Log in by the button below.")
        elif not request.user.has_usable_password():
            _end(request, request.user, "the login is neither by a password nor by the provider", ENDED_IS_TOLD)
        return None


def _page_of(request: HttpRequest) -> str:
    """The name of the page's URL; empty where there is no such page. Django resolves it again, after all middleware."""
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return ""
    return request.resolver_match.url_name or ""


def _answer(request: HttpRequest, person: Person, standing: Standing) -> HttpResponse | None:
    name = standing.name
    match standing.state:
        case State.GOOD:
            return None
        case State.AWAY:
            setattr(request, AWAY, standing)
            return None
        case State.SHUT:
            return _shut(request, standing)
        case State.OUTSIDER:
            _end(request, person, NO_ROLE, f"None of your groups at {name} gives a role here.")
            return None if wants_fragment(request) else answers.no_role(request)
        case State.ENDED:
            _end(request, person, "the login at the provider has ended", ENDED_IS_TOLD)
            return None


def _end(request: HttpRequest, person: Person, why: str, told: str) -> None:
    leaving.end(request, person, why)
    messages.warning(request, told)


def _shut(request: HttpRequest, standing: Standing) -> HttpResponse:
    """Closed, though the session goes on: the page comes back with the provider."""
    request.user = AnonymousUser()
    if wants_fragment(request):
        return HttpResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"HX-Refresh": "true"})
    return problem(
        request,
        Problem(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            title=f"{standing.name} does not answer",
            text=f"Eventdesk asks {standing.name} what you may see. It last answered at {_clock(standing.since)}, "
            f"and that held until {_clock(standing.until)}.",
            again=True,
        ),
    )


def _clock(instant: datetime | None) -> str:
    return f"{instant:%H:%M:%S} UTC" if instant is not None else "a time that is not known"
