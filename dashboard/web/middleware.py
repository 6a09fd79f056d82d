"""What applies to every response."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve

from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.scopes import EVERYTHING, Scope, scope_of
from dashboard.auditing.reasons import acts_belong_to
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.models import Person
from dashboard.privacy.by_reason.of_request import found_open_case
from dashboard.rendering.url_segments import respelled
from dashboard.scoping.current import answering
from dashboard.web.database_problem import database_problem
from dashboard.web.pages import MARK, NOTED, SCOPE, WANTED, not_found, problem, refused_for
from dashboard.web.problems import problem_of
from eventstore.extent import one_answer
from eventstore.jobs import UnknownJob
from eventstore.model import EventStoreError, UnknownEvent, UnknownProjection, UnknownSubscription, UnknownTopic

_NEVER_IN_NAMES = re.compile("[\x00\ud800-\udfff]")
_NEVER_SENT = re.compile("[\ud800-\udfff]")
OF_THE_STORE = "name"
"""The part of a path that names a subscription. Pulsar takes any name, and only Pulsar is asked for it."""


_NOT_THERE = (UnknownTopic, UnknownEvent, UnknownSubscription, UnknownProjection, UnknownJob)
READS = ("GET", "HEAD")
Respond = Callable[[HttpRequest], HttpResponseBase]
NOT_KEPT, NOT_SEARCHED = "no-store, private", "noindex, nofollow"
_TEXTS = ("text/", "application/javascript", "image/svg")


_FEATURES = (
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation", "gyroscope"),
    *("magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "usb"),
    *("xr-spatial-tracking", "clipboard-read"),
)
PERMISSIONS_POLICY = ", ".join([f"{feature}=()" for feature in _FEATURES] + ["clipboard-write=(self)"])
"""No page asks for any of these. Ids are copied with one click."""


def isolated(get_response: Respond) -> Respond:
    """Let no page of another origin load what the desk serves, nor any page use a browser's cameras, places and so on."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return respond


def tell_of_missing_tls(get_response: Respond) -> Respond:
    """Behind TLS, name the header that the proxy has to send where there is none. A redirection would come back for ever.

    So this page stands before the middleware that redirects, and gets what that adds by itself.
    """
    hardened = SecurityMiddleware(lambda request: HttpResponse()).process_response
    exempt = re.compile("|".join(settings.SECURE_REDIRECT_EXEMPT))

    def respond(request: HttpRequest) -> HttpResponseBase:
        header = settings.SECURE_PROXY_SSL_HEADER
        told = header is None or header[0] in request.META or request.is_secure()
        if told or not settings.SECURE_SSL_REDIRECT or exempt.search(request.path.lstrip("/")):
            return get_response(request)
        title, advice = "This request came without TLS", "Use the address of this installation that begins with https://."
        hint = "The proxy in front of it must send X-Forwarded-Proto: https (docs/running.md)."
        page = render_to_string("errors/bare.html", {"title": title, "advice": advice, "hint": hint})
        answer = HttpResponse(page, status=HTTPStatus.BAD_REQUEST, headers={"X-Frame-Options": settings.X_FRAME_OPTIONS})
        answer["Cache-Control"], answer["X-Robots-Tag"] = NOT_KEPT, NOT_SEARCHED
        hardened(request, answer)  # changes it, and returns it
        return answer

    return respond


def compress_static_texts(get_response: Respond) -> Respond:
    """Compress scripts, styles and drawings; the rest of the static files is compressed already.

    Pages are not compressed: they hold health data beside what a link to them may choose, and the length of a compressed page
    tells how alike the two are (the attack is called BREACH).
    """
    compress = GZipMiddleware(lambda request: HttpResponse())

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        whole = request.method == "GET" and response.status_code == HTTPStatus.OK
        is_text = response.get("Content-Type", "").startswith(_TEXTS)
        if whole and is_text and request.path_info.startswith(settings.STATIC_URL):
            compress.process_response(request, response)  # changes it, and returns it
        return response

    return respond


class DeskMiddleware:
    """Keep pages out of caches and search engines, and turn errors of the store and of databases into pages that explain them.

    An address alone tells something: it names aggregates.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reads = one_answer() if request.method in READS else nullcontext()
        with answering(lambda: _scope_of(request)), acts_belong_to(lambda: found_open_case(request)), reads:
            response = _link_of_another_system(request) or self.get_response(request)
            if (response.status_code == HTTPStatus.FORBIDDEN or hasattr(request, WANTED)) and not hasattr(request, NOTED):
                _record_refusal(request)
        response.setdefault("Cache-Control", NOT_KEPT)
        response["X-Robots-Tag"] = NOT_SEARCHED
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: Sequence[object], names: Mapping[str, object]
    ) -> HttpResponse | None:
        """Answer 404 to NUL and halves of surrogate pairs. Databases fail on them, and no other name than a subscription's
        contains a NUL."""
        texts = [text for name, text in names.items() if name != OF_THE_STORE]
        texts += [text for texts in request.GET.lists() for text in texts[1]]
        if any(isinstance(text, str) and _NEVER_IN_NAMES.search(text) for text in texts):
            return not_found(request, Http404())
        return not_found(request, Http404()) if _NEVER_SENT.search(str(names.get(OF_THE_STORE, ""))) else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, DatabaseError):
            return database_problem(request)
        if not isinstance(exception, EventStoreError):
            return None
        if isinstance(exception, _NOT_THERE) and not scope_of(request.user).limits_nothing:
            refused_for(request, SCOPE)  # recorded whether or not it is there: the record must not tell either
        return problem(request, problem_of(exception))


def _scope_of(request: HttpRequest) -> Scope:
    """Nobody without a login is answered with more than the login page, or whether the desk works."""
    person = getattr(request, "user", None)
    return scope_of(person) if isinstance(person, Person) else EVERYTHING


def _record_refusal(request: HttpRequest) -> None:
    """On the audit record: who, which page, and what they may not do; never the address, which names what they looked for."""
    page = request.resolver_match
    wanted = str(getattr(request, WANTED, "") or (getattr(page.func, MARK, "") if page else ""))
    address = client_address(request) or None
    if isinstance(request.user, Person):
        where = (page.url_name if page else None) or "page"
        note_refusal(page_actor(request.user.username), where, wanted, address=address)
    else:
        note_refusal(NOBODY, "page", address=address)


def _link_of_another_system(request: HttpRequest) -> HttpResponse | None:
    """Lead an address whose names are percent-encoded to the page that it means. Nothing if it is an address of ours."""
    raw = bytes(getattr(request, "scope", {}).get("raw_path") or b"")
    path = respelled(raw) if request.method in READS else ""
    if not path:
        return None
    # A slash within a name makes another page of the decoded path: /topics/x%2Ftail/ is the topic "x/tail".
    ours = b"%2f" not in raw.lower() and _is_page(request.path_info)
    if ours or not _is_page(path.removeprefix(request.META.get("SCRIPT_NAME", ""))):
        return None
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{path}?{query}" if query else path)


def _is_page(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
