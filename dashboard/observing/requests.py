"""Each request is measured and logged by the name of its route: never by its address, which may name an aggregate."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from dashboard.running.current_request import CURRENT, request_id
from dashboard.running.instruments import REQUEST_SECONDS, REQUESTS
from eventstore.giving_way import answering

log = logging.getLogger("eventdesk.requests")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HEADER = "X-Request-ID"


def measured(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware, the outermost one: count each request, time it, log it, and name it in its answer."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        begun = time.monotonic()
        id = request_id(request.headers.get(HEADER, ""))
        token = CURRENT.set(id)
        try:
            with answering():
                response = get_response(request)
            _note(request, response.status_code, time.monotonic() - begun)
        finally:
            CURRENT.reset(token)
        response[HEADER] = id
        return response

    return respond


def route_of(request: HttpRequest) -> str:
    """The name of the request's route in the URL table; ``static`` for a file, ``none`` for an address that leads nowhere."""
    match = request.resolver_match
    if match is not None:
        return match.url_name or "none"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    route = route_of(request)
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    milliseconds = round(seconds * 1000, 1)
    told = {"route": route, "method": method, "status": status, "milliseconds": milliseconds}
    log.info("%s %s %d in %.1f ms", method, route, status, milliseconds, extra=told)
