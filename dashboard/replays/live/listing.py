"""All replays, the newest first."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone

from dashboard.access import policy
from dashboard.gateway import desk
from dashboard.replays.live.under_way import line_of
from dashboard.web.pages import nothing_yet, page, page_token_of, person_of, render
from eventstore.jobs import State

UNDER_WAY = (State.WAITING, State.QUEUED, State.RUNNING, State.PAUSED)
SHOWN: dict[str, Sequence[State]] = {"": (), "open": UNDER_WAY, "ended": [state for state in State if state.has_ended]}
"""The choices above the list, as its address has them."""


@page("browse")
def replays(request: HttpRequest) -> HttpResponse:
    """A page of replays. ``show``: those under way (``open``) or ended."""
    shown = request.GET.get("show", "")
    shown = shown if shown in SHOWN else ""
    size = desk().config.limits.page_size
    before = _before(request)
    found = desk().replays.newest(limit=size + 1, before=before, states=SHOWN[shown])
    if empty := nothing_yet(request, there=bool(found)):
        return empty
    now = timezone.now()
    context = {
        "lines": [line_of(one, now) for one in found[:size]],
        "shown": shown,
        "older": _address(shown, found[size - 1].job.number) if len(found) > size else "",
        "newest": _address(shown) if before is not None else "",
        "reads_record": policy.allows(person_of(request), "read_audit"),
        "as_of": now,
    }
    return render(request, "replays/index.html", context, fragment="replays/_table.html")


def _before(request: HttpRequest) -> int | None:
    given = page_token_of(request) or ""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def _address(shown: str, before: int | None = None) -> str:
    query = {"show": shown} if shown else {}
    query |= {"page": str(before)} if before is not None else {}
    return f"{reverse('replays')}?{urlencode(query)}" if query else reverse("replays")


urls = [path("replays/", replays, name="replays")]
