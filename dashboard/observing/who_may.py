"""Who may read ``/metrics``: a script with an API token for it, and without one only a program on this very machine.

A proxy on this machine is a peer on loopback too, whoever it speaks for. So no request counts that a proxy may have passed on.
"""

from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

from dashboard.access import policy, tokens
from dashboard.access.scopes import EVERYTHING, Scope, scope_of
from dashboard.models import ApiToken
from dashboard.setup.addresses import proxy_count

READ_METRICS = "read_metrics"
LEFT_BY_PROXIES = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


class Refusal(Enum):
    NO_TOKEN = auto()
    """None was shown, or one that is not in force."""
    NOT_ALLOWED = auto()
    SEES_NOTHING = auto()
    """No scope gives it a topic: figures of nothing would look like those of a desk that is well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """``token`` is ``None`` for a program on this machine. ``scope``: the topics that it may be told of."""

    token: ApiToken | None = None
    scope: Scope = EVERYTHING


def reader_of(request: HttpRequest) -> Reader | Refusal:
    """Who reads. A token that is shown decides alone: a wrong one is refused, wherever it comes from."""
    if "Authorization" in request.headers:
        token = tokens.token_of(request)
        if token is None:
            return Refusal.NO_TOKEN
        if not policy.allows(token, READ_METRICS):
            return Refusal.NOT_ALLOWED
        scope = scope_of(token)
        return Refusal.SEES_NOTHING if scope.has_no_topic else Reader(token=token, scope=scope)
    return Reader() if is_of_this_machine(request) else Refusal.NO_TOKEN


def is_of_this_machine(request: HttpRequest) -> bool:
    """Whether a program on this machine sent it, and no proxy can have passed it on.

    Where proxies are known to name the client (``EVENTDESK_PROXIES``), what has no such header did not come through them.
    Where there are none, and no TLS that something else must have ended, nothing is in between. Otherwise nobody knows.
    """
    count = proxy_count()
    if count is None or (count == 0 and settings.BEHIND_TLS):
        return False
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and not any(name in request.headers for name in LEFT_BY_PROXIES)


def is_loopback(address: str) -> bool:
    """Of no address at all, as behind a unix socket, it is false."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
