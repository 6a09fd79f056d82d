"""For machines: does the process answer, and may it be sent work?"""

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from dashboard.web import store_health


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing else: a broker that is away is no reason to restart the desk."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where databases and store answer, else 503; says which, and nothing of where they are."""
    answers = {alias: _answers(alias) for alias in ("default", "index")}
    # What is some seconds old will do: nobody anonymous may make the desk wait for the broker again and again.
    answers["store"] = store_health.current_store_health().reachable is True
    ready = all(answers.values())
    words = {name: "ok" if fine else "does not answer" for name, fine in answers.items()}
    return JsonResponse({"ready": ready, **words}, status=200 if ready else 503)


def _answers(alias: str) -> bool:
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
