"""Asks the provider about each request of somebody who came by it, before the page sees the request."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from dashboard.models import Person
from dashboard.signin import answers, kept, leaving
from dashboard.signin.checking import Standing, State, standing_of
from dashboard.web.database_problem import database_problem
from dashboard.web.pages import problem, wants_fragment
from dashboard.web.problems import Problem

NOT_ASKED = frozenset(
    {"login", "logout", "sign_in", "sign_in_callback", "signed_out", "healthz", "readyz", "robots", "metrics"}
)
"""Names of the URLs that show nothing of the store. A logout goes on while the provider is away."""
AWAY = "sign_in_away"
NO_ROLE = "none of the person's groups gives a role"


class ProviderMiddleware:
    """``request.sign_in_away`` says, while the provider does not answer, how long its last answer holds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: Sequence[object], names: Mapping[str, object]
    ) -> HttpResponse | None:
        """Nothing, where the login holds or has ended: then the page leads to the login. Otherwise why it is not shown."""
        try:
            return self._standing(request)
        except DatabaseError:
            if page := database_problem(request):
                return page
            raise

    def _standing(self, request: HttpRequest) -> HttpResponse | None:
        match = request.resolver_match
        if (match is not None and match.url_name in NOT_ASKED) or not isinstance(request.user, Person):
            return None
        text = kept.text_of(request.session)
        if text:
            return _answer(request, request.user, standing_of(text, request.user))
        if not settings.LOCAL_LOGIN:
            _end(request, request.user, "logins by a password are not taken any more", "Log in by the button below.")
        return None


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
            _end(request, person, "the login at the provider has ended", "Your sign-in has ended. Sign in again.")
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
