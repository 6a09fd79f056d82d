"""What every page shares: who may see it, rendering as a page or a fragment, and error pages."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render as django_render
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django_htmx.middleware import HtmxDetails

import dashboard.rendering.url_segments  # noqa: F401 - registers the converter that every view's URL patterns use
from dashboard.access import policy
from dashboard.access.actors import page_actor
from dashboard.access.scopes import scope_of
from dashboard.models import Person
from dashboard.privacy import AccessProfile
from dashboard.privacy.by_reason import of_request
from dashboard.web import store_health
from dashboard.web.problems import Problem, not_allowed, outside
from eventstore.actions import Actor
from eventstore.model import StoreUnreachable

P = ParamSpec("P")
Answer = TypeVar("Answer", bound=HttpResponseBase)
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

READING = ("GET",)
SCOPE = "scope"
"""What the record says that somebody wanted: to see what is outside of their scope."""
MARK = "page_action"
WANTED = "wanted"
NOTED = "refusal_is_noted"
"""Set on a request whose refusal is on the record already, with more than the middleware knows."""
NOT_CHECKED = "login_is_not_checked"
"""Set on a request of the few pages, such as a logout, before which nobody asks whether the login still holds."""
PAGE_PARAMETER = "page"
RELOADS_ITSELF = "reloads_itself"
NOTHING_YET = "nothing-yet"


def page(action: str, *, methods: Sequence[str] = READING) -> Callable[[View[P]], View[P]]:
    """Decorate a view for people who may do ``action``. Others get the login page or an error. ``GET`` includes ``HEAD``.

    A topic or an aggregate type in the address has to be in the person's scope. It is answered like one that does not exist.
    """
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
            if (hidden := outside(scope_of(request.user), names)) is not None:
                refused_for(request, SCOPE)
                return problem(request, hidden)
            return view(request, *args, **names)

        setattr(guarded, MARK, action)
        return cast("View[P]", guarded)

    return decorate


def page_token_of(request: HttpRequest) -> str | None:
    """The token of the page of a list that the address asks for; ``None`` for the list's beginning.

    Addresses in old tickets call it ``cursor``.
    """
    return request.GET.get(PAGE_PARAMETER) or request.GET.get("cursor") or None


def reloads_itself(request: HttpRequest) -> None:
    """The browser loads the page that answers this request again and again by itself. Nobody uses it by that."""
    setattr(request, RELOADS_ITSELF, True)


def person_of(request: HttpRequest) -> Person:
    """The person who sent the request. Only for views decorated with ``page``."""
    return cast(Person, request.user)


def actor_of(request: HttpRequest) -> Actor:
    """The same as an actor, who acts on a page."""
    return page_actor(person_of(request).username)


def profile_of(request: HttpRequest) -> AccessProfile:
    """What the person sees on this page, with what is revealed to them now. What others may read, or what outlives the page (a
    cache, a search, a file), takes ``of_request.standing_profile_of``."""
    return of_request.profile_of(request)


def as_file(answer: Answer, name: str) -> Answer:
    """The answer as a file that the browser saves under this name, and never shows."""
    answer.headers["Content-Disposition"] = content_disposition_header(True, name)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


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
    """The page of this problem, beside the places; without them where the person's login may not hold any more."""
    if hasattr(request, NOT_CHECKED) and isinstance(request.user, Person):
        return django_render(request, "errors/bare.html", {"title": what.title, "advice": what.text}, status=what.status)
    response = django_render(
        request,
        "errors/_problem.html" if wants_fragment(request) else "errors/problem.html",
        {"problem": what},
        status=what.status,
    )
    if what.again:
        response["Retry-After"] = "5"
    return response


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
