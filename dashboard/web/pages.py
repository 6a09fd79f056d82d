"""What every page shares: who may see it, rendering as a page or a fragment, and error pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render as django_render
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

import dashboard.rendering.url_segments  # noqa: F401 - registers the converter that every view's URL patterns use
from dashboard import privacy
from dashboard.access import policy
from dashboard.access.role_names import who_may
from dashboard.models import Person
from dashboard.privacy import AccessProfile
from dashboard.privacy.by_reason import of_request
from dashboard.web import completeness, store_health
from eventstore.jobs import JobRefused, UnknownJob
from eventstore.model import (
    EventStoreError,
    InvalidName,
    InvalidPosition,
    InvalidReplay,
    NotAllowed,
    NotLetIn,
    NotPermitted,
    NotSupported,
    NotTrusted,
    ResourceBusy,
    StalePlan,
    StoresOwn,
    StoreUnreachable,
    UnknownEvent,
    UnknownProjection,
    UnknownSubscription,
    UnknownTopic,
)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

READING = ("GET",)
MARK = "page_action"
WANTED = "wanted"
PAGE_PARAMETER = "page"
NOTHING_YET = "nothing-yet"
FIRST_CHARACTERS = "Search for the first characters of the id at the top. Search is case-sensitive."
BY_RIGHT = (
    "Ids of this type are personal: pages show a handle (pid…) in place of each, and it leads here. An id itself is looked up "
    "by people with the right to see values, or with an open case."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """An error page: a status, a title, a sentence, and advice."""

    status: int
    title: str
    text: str
    advice: str = ""
    again: bool = False
    """Whether the page retries automatically."""
    link: tuple[str, str] | None = None
    """Where to look instead: the link's text, and the name of its URL."""


@dataclass(frozen=True, slots=True)
class _Kind:
    error: type[EventStoreError]
    status: HTTPStatus
    title: str
    advice: str = ""
    text: str = ""
    """Replaces the error's own sentence if that is written for callers of the store and not for readers of a page."""
    link: tuple[str, str] | None = None


_KINDS = (
    _Kind(NotAllowed, HTTPStatus.FORBIDDEN, "Not allowed"),
    _Kind(
        UnknownTopic,
        HTTPStatus.NOT_FOUND,
        "No such topic",
        "New topics appear automatically within seconds.",
        text="The store has no topic of this name, or this installation does not watch it.",
        link=("All topics", "topics"),
    ),
    _Kind(UnknownEvent, HTTPStatus.NOT_FOUND, "No such event", "Search for its aggregate's id, or look in its topic."),
    _Kind(UnknownSubscription, HTTPStatus.NOT_FOUND, "No such subscription", link=("All subscriptions", "subscriptions")),
    _Kind(UnknownProjection, HTTPStatus.NOT_FOUND, "No such projection", link=("All subscriptions", "subscriptions")),
    _Kind(UnknownJob, HTTPStatus.NOT_FOUND, "No such job", link=("All jobs", "jobs")),
    _Kind(JobRefused, HTTPStatus.CONFLICT, "This job is in no state for that"),
    _Kind(NotSupported, HTTPStatus.NOT_FOUND, "This store cannot do this"),
    _Kind(InvalidReplay, HTTPStatus.BAD_REQUEST, "This cannot be replayed"),
    _Kind(InvalidPosition, HTTPStatus.BAD_REQUEST, "This address does not work"),
    _Kind(InvalidName, HTTPStatus.BAD_REQUEST, "This name does not work"),
    _Kind(
        StoresOwn,
        HTTPStatus.CONFLICT,
        "This cursor cannot be moved",
        link=("All subscriptions", "subscriptions"),
    ),
    _Kind(StalePlan, HTTPStatus.CONFLICT, "It has changed since you looked"),
    _Kind(ResourceBusy, HTTPStatus.CONFLICT, "Someone else is doing this now"),
    _Kind(NotLetIn, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(NotLetIn)),
    _Kind(NotTrusted, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(NotTrusted)),
    _Kind(StoreUnreachable, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(StoreUnreachable)),
    _Kind(NotPermitted, HTTPStatus.BAD_GATEWAY, "The event store does not permit this"),
)
OTHER = _Kind(EventStoreError, HTTPStatus.BAD_GATEWAY, "The event store did not do this")


def page(action: str, *, methods: Sequence[str] = READING) -> Callable[[View[P]], View[P]]:
    """Decorate a view for people who may do ``action``. Others get the login page or an error. ``GET`` includes ``HEAD``."""
    allowed = (*methods, "HEAD") if "GET" in methods else tuple(methods)

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **names: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_login(request)
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if not policy.allows(request.user, action):
                return problem(request, not_allowed(action))
            return view(request, *args, **names)

        setattr(guarded, MARK, action)
        return cast("View[P]", guarded)

    return decorate


def page_token_of(request: HttpRequest) -> str | None:
    """The token of the page of a list that the address asks for; ``None`` for the list's beginning.

    Addresses in old tickets call it ``cursor``.
    """
    return request.GET.get(PAGE_PARAMETER) or request.GET.get("cursor") or None


def person_of(request: HttpRequest) -> Person:
    """The person who sent the request. Only for views decorated with ``page``."""
    return cast(Person, request.user)


def profile_of(request: HttpRequest) -> AccessProfile:
    """What the person sees on this page, with what is revealed to them now. What others may read, or what outlives the page (a
    cache, a search, a file), takes ``of_request.standing_profile_of``."""
    return of_request.profile_of(request)


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
    away: StoreUnreachable | None = None,
) -> HttpResponse:
    """Render the page, or its fragment if htmx asks for one.

    ``away`` means that the store did not answer, so the page shows what the index knows. It says so and retries automatically.
    """
    content = dict(context)
    if away is not None:
        store_health.mark_unreachable(away)
        content["away"] = str(away)
    partial = bool(fragment) and wants_fragment(request)
    response = django_render(request, fragment if partial else template, content, status=status)
    if partial:
        response.write(render_to_string("components/_notices_again.html", content, request))
    patch_vary_headers(response, ["HX-Request"])
    return response


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page. False if it restores history or follows a boosted link."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def load_whole_page() -> HttpResponse:
    """The answer to a refresh whose fragment is not enough any more: the browser loads the whole page."""
    return HttpResponse(headers={"HX-Refresh": "true"})


def nothing_yet(request: HttpRequest, *, there: bool) -> HttpResponse | None:
    """The answer to the refresh of a page on which there was nothing (``components/_nothing_yet.html``): the whole page as
    soon as something is there, and until then no content. ``None`` to every other request."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    if htmx is None or not wants_fragment(request) or htmx.target != NOTHING_YET:
        return None
    return load_whole_page() if there else HttpResponse(status=HTTPStatus.NO_CONTENT)


def refused_for(request: HttpRequest, wanted: str) -> None:
    """Say what this request asks for that its person may not do, where that is not what the whole page needs."""
    setattr(request, WANTED, wanted)


def problem(request: HttpRequest, what: Problem) -> HttpResponse:
    response = django_render(
        request,
        "errors/_problem.html" if wants_fragment(request) else "errors/problem.html",
        {"problem": what},
        status=what.status,
    )
    if what.again:
        response["Retry-After"] = "5"
    return response


def problem_of(error: EventStoreError) -> Problem:
    """The page for an error of the store. The error's own sentence is written for people and holds no value of an event."""
    if isinstance(error, StoreUnreachable):
        store_health.mark_unreachable(error)
    kind = next((kind for kind in _KINDS if isinstance(error, kind.error)), OTHER)
    return Problem(
        status=kind.status,
        title=kind.title,
        text=kind.text or str(error),
        advice=kind.advice,
        again=issubclass(kind.error, StoreUnreachable | NotPermitted),
        link=kind.link,
    )


def not_allowed(action: str) -> Problem:
    """The page for a person whose role does not allow this. It names the roles that do."""
    return Problem(
        status=HTTPStatus.FORBIDDEN,
        title="Not allowed",
        text="Your role does not allow this.",
        advice=f"Requires role {who_may(action)}. Ask an admin of this installation if you need it.",
    )


def unknown(what: str, advice: str) -> Problem:
    """Of something that the index does not know."""
    late = " Not everything is indexed now: it may appear later." if completeness.standing().incomplete else ""
    return Problem(
        status=HTTPStatus.NOT_FOUND, title=f"No such {what}", text=f"The index knows no such {what}.{late}", advice=advice
    )


def unknown_aggregate(type: str, given: str, profile: privacy.AccessProfile) -> Problem:
    """Of an aggregate that nothing is known of, or that may not be looked up in this way: the two read the same."""
    if text := privacy.handle_problem(given, type):
        return Problem(status=HTTPStatus.NOT_FOUND, title="This handle cannot be read", text=text)
    return unknown("aggregate", BY_RIGHT if privacy.is_personal(type) and not profile.sees_values else FIRST_CHARACTERS)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(
        request,
        Problem(
            status=HTTPStatus.NOT_FOUND,
            title="There is no such page",
            text="The address may have been cut off when it was copied.",
            advice="Search for the id at the top, or start from one of the places on the left.",
        ),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return django_render(request, "errors/bare.html", {"title": "This request does not work"}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, Problem(status=HTTPStatus.FORBIDDEN, title="Not allowed", text="Your role does not allow this."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without context processors, because these query databases, which may be the cause."""
    text = render_to_string("errors/bare.html", {"title": "Something went wrong in Eventdesk", "server_error": True})
    return HttpResponse(text, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _to_login(request: HttpRequest) -> HttpResponse:
    if wants_fragment(request):
        response = HttpResponse(status=HTTPStatus.UNAUTHORIZED)
        response["HX-Redirect"] = resolve_url(settings.LOGIN_URL)
        return response
    return redirect_to_login(request.get_full_path())
