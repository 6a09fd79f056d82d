"""A program on this machine asks ``127.0.0.1:8001`` how the desk is, which is none of the names that browsers use.

Of what such a program asks for, no page or link is made of the name. So there it counts as the desk's own. Every other name
in a request is checked as before: one that an attacker has lead to this machine is theirs, not ``127.0.0.1``.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from dashboard.observing.who_may import is_loopback, is_of_this_machine

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def named_as_own(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware, before anything that looks at the host."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PATHS and _is_loopback_name(request.META.get("HTTP_HOST", "")) and is_of_this_machine(request):
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".")
        return get_response(request)

    return respond


def _is_loopback_name(host: str) -> bool:
    """Of a literal address or ``localhost``, with a port or without."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name == "localhost" or is_loopback(name)
