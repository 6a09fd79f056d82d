"""For machines: whether the process answers, whether it is ready for requests, and that crawlers are to list nothing."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from dashboard.hints import of_process
from dashboard.setup.database_state import DatabaseState, databases_in_use, state_of
from dashboard.web import store_health

ROBOTS = """\
# Every page says noindex in its X-Robots-Tag. A crawler has to read an answer to know.
User-agent: *
Disallow:
"""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process answers. Checks nothing else: an unreachable broker is no reason to restart the desk."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the databases answer and have their tables, and the store answers, otherwise 503.

    Names those that do not, but not their addresses. Redis is named if it is set up: nothing waits for it, so the process
    is ready without it.
    """
    states = {alias: state_of(alias) for alias in databases_in_use()}
    # A result that is some seconds old will do. Anonymous requests must not make the desk query the broker each time.
    if states.setdefault("store", DatabaseState.OK) is DatabaseState.OK:
        answers = store_health.current_store_health().reachable is True
        states["store"] = DatabaseState.OK if answers else DatabaseState.NO_ANSWER
    ready = all(state is DatabaseState.OK for state in states.values())
    redis = of_process.standing()
    told = {"ready": ready, **states} | ({"redis": redis} if redis is not None else {})
    return JsonResponse(told, status=200 if ready else 503)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What crawlers ask for first. It forbids nothing: who may not read a page does not learn that it must not be listed."""
    return HttpResponse(ROBOTS, content_type="text/plain")


urls = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("robots.txt", robots, name="robots"),
]
