"""All projections, and one of them: how far it is, its generations, its last replays, and how it takes events again."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone

from dashboard.access import policy, role_names
from dashboard.gateway import desk
from dashboard.projections.lines import projection_line, replays_to, undeclared_lines
from dashboard.projections.ways import declaration_of, plan_url, way_lines
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import Line
from dashboard.web.pages import load_whole_page, nothing_yet, page, person_of, render, wants_fragment
from eventstore.backlogs import AllBacklogs
from eventstore.config import Projection
from eventstore.model import StoreUnreachable
from eventstore.replays import REPLAY_EVENTS

MOST_UNDECLARED = 200
MOST_REPLAYS = 5
STATUS_PART = "status"
"""``?part=``: what the read model tells of itself. The page asks for it once it is there, since a service may be slow."""


@page("browse")
def projections(request: HttpRequest) -> HttpResponse:
    """The declared ones in the configuration's order, and subscriptions that none of them names."""
    seen, away, is_part = _seen()
    asking = is_part and not away
    if backlog_cache.ASKING in request.GET and wants_fragment(request) and not asking:
        return load_whole_page()  # what the page did not know is known now, be it nothing
    face, now, named = desk().projections, timezone.now(), _reads_record(request)
    standings = [face.standing(one, seen) for one in face.all()]
    lines = [projection_line(one, now, replays_to(one, now, named=named, limit=1), is_part=is_part) for one in standings]
    others = undeclared_lines(seen, standings)
    if empty := nothing_yet(request, there=bool(lines or others)):
        return empty
    context = {
        "lines": lines,
        "others": [(line, _url_of(line)) for line in others[:MOST_UNDECLARED]],
        "more": max(0, len(others) - MOST_UNDECLARED),
        "supported": desk().subscriptions.supported,
        "as_of": seen.as_of,
        "is_part": is_part,
        "asking": asking,
        "found": bool(seen.topics),
    }
    return render(request, "projections/index.html", context, fragment="projections/_lists.html", away=away)


@page("browse")
def projection(request: HttpRequest, name: str) -> HttpResponse:
    """One projection, or a subscription that none names (its topic, a slash and its name)."""
    found = desk().projections.get(name)
    if request.GET.get("part") == STATUS_PART:
        told = desk().projections.read_model(found)
        shown = {"told": told, "projection": found, "title": _title(found)}
        return render(request, "projections/status.html", shown, fragment="projections/_status.html")
    seen, away, is_part = _seen()
    now = timezone.now()
    standing = desk().projections.standing(found, seen)
    jobs = replays_to(standing, now, named=_reads_record(request), limit=MOST_REPLAYS)
    context = {
        "line": projection_line(standing, now, jobs, is_part=is_part),
        "is_part": is_part,
        "asking": is_part and not away,
        "found": bool(seen.topics),
        "projection": found,
        "title": _title(found),
        "ways": way_lines(found),
        "plan_url": plan_url(found) if found.ways else "",
        "may_replay": policy.allows(person_of(request), REPLAY_EVENTS.name),
        "who_may_replay": role_names.who_may(REPLAY_EVENTS.name),
        "limits": desk().projections.limits(found),
        "declaration": "" if found.declared else declaration_of(found),
        "as_of": standing.as_of,
        "reads_record": _reads_record(request),
    }
    return render(request, "projections/show.html", context, fragment="projections/_standing.html", away=away)


def _title(projection: Projection) -> str:
    return projection.name if projection.declared else projection.subscription


def _url_of(line: Line) -> str:
    return reverse("projection", args=[f"{line.topic.name}/{line.subscription.name}"])


def _seen() -> tuple[AllBacklogs, StoreUnreachable | None, bool]:
    """What was seen of all subscriptions, now if the store answers; otherwise as last known, and why. Then, whether it may be
    a part of them: what is missing may be there."""
    found, away = backlog_cache.gathered_or_last_known()
    is_part = backlog_cache.is_asked_for(found, None)
    return found.seen if found else AllBacklogs(topics=(), as_of=None), away, is_part


def _reads_record(request: HttpRequest) -> bool:
    return policy.allows(person_of(request), "read_audit")


urls = [
    path("projections/", projections, name="projections"),
    path("projections/<segment:name>/", projection, name="projection"),
]
