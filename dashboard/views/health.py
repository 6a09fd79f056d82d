"""Health checks for machines: whether the process answers, and whether it is ready for requests."""

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from dashboard.web import store_health


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process answers. Checks nothing else: an unreachable broker is no reason to restart the desk."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the databases and the store answer, otherwise 503. Names those that do not, but not their addresses."""
    reachable = {alias: _is_reachable(alias) for alias in ("default", "index")}
    # A result that is some seconds old will do. Anonymous requests must not make the desk query the broker each time.
    reachable["store"] = store_health.current_store_health().reachable is True
    ready = all(reachable.values())
    words = {name: "ok" if fine else "does not answer" for name, fine in reachable.items()}
    return JsonResponse({"ready": ready, **words}, status=200 if ready else 503)


def _is_reachable(alias: str) -> bool:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


urls = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
