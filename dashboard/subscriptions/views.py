"""How far behind each subscription is; one subscription with its cursors, its consumers and what it receives next."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.urls import path

from dashboard.access import policy, role_names
from dashboard.auditing.acts import Act, acts
from dashboard.gateway import desk
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import BacklogSnapshot, Line
from dashboard.subscriptions.diagnosis import MOVE_NAMES, diagnosis_of
from dashboard.subscriptions.figures.chart import RANGES, figures
from dashboard.subscriptions.figures.row import full_rows
from dashboard.subscriptions.figures.table import asked_for, chosen, columns
from dashboard.subscriptions.marks import MARKS, events_words
from dashboard.subscriptions.sections import sections
from dashboard.subscriptions.type_pictures import PICTURES
from dashboard.web.pages import load_whole_page, nothing_yet, page, person_of, render, wants_fragment
from eventstore.actions import KEPT, subscription_resource
from eventstore.config import Projection
from eventstore.cursors import RESET_CURSOR, UNDO_MOVE
from eventstore.model import StoreUnreachable, SubscriptionKind, SubscriptionType, Topic
from eventstore.subscriptions import Backlog, Counted, State

MOST_LINES = 500
MOST_ACTS = 20
"""The newest acts on a subscription, among which the last move of its cursor is looked for."""

TYPE_MEANS = {
    SubscriptionType.EXCLUSIVE: "One consumer receives everything, in order; a second one is refused.",
    SubscriptionType.FAILOVER: "One active consumer per partition, in order; others on standby.",
    SubscriptionType.SHARED: "Events are dealt out to all consumers: no order is kept, not even within one aggregate.",
    SubscriptionType.KEY_SHARED: "Events are dealt out by key: each aggregate's events go to one consumer, in order.",
    SubscriptionType.UNKNOWN: "The store keeps no type while no consumer is connected: the next consumer decides it.",
}
OWN_MEANS = {
    SubscriptionKind.COMPACTION: "It marks how far the topic is compacted. What waits behind it is compacted next.",
    SubscriptionKind.REPLICATION: "It marks how far the topic is copied to another cluster, named at its end. What waits "
    "behind it is not there yet.",
    SubscriptionKind.DEDUPLICATION: "It marks up to where the broker has saved which messages producers have sent.",
}


@page("browse")
def subscriptions(request: HttpRequest) -> HttpResponse:
    """All subscriptions, or those that the address asks for (see ``table``), the worst first."""
    asked = asked_for(request.GET.dict())
    found, away = backlog_cache.gathered_or_last_known()
    asking = backlog_cache.is_asked_for(found, away)
    if wants_fragment(request) and (away or (backlog_cache.ASKING in request.GET and not asking)):
        return load_whole_page()  # it says so, and retries automatically; or what is beside the rows is known now
    lists_consumers = desk().subscriptions.lists_consumers
    here = _of_topic(found, asked.topic) if found and asked.topic else found
    lines = chosen(here.lines, asked) if here else []
    tabled = bool(here and (lines or here.unavailable_topics or (asked.filtered and here.lines)))
    if empty := nothing_yet(request, there=tabled):
        return empty
    context = {
        "found": here,
        "tabled": tabled,
        "rows": full_rows(lines[:MOST_LINES], lists_consumers=lists_consumers),
        "shown": min(len(lines), MOST_LINES),
        "more": max(0, len(lines) - MOST_LINES),
        "states": _states(here) if here else [],
        "choices": _choices(found) if found else {},
        "asked": asked,
        "pictures": PICTURES.values(),
        "columns": columns(asked, lists_consumers=lists_consumers),
        "supported": desk().subscriptions.supported,
        "lists_consumers": lists_consumers,
        "known_at": found.as_of if found else None,
        "asking": asking,
        "says_asking": asking and (backlog_cache.ASKING in request.GET or not wants_fragment(request)),
    }
    return render(
        request,
        "subscriptions/index.html",
        context,
        fragment="subscriptions/_rows.html",
        status=503 if away and not found else 200,
        away=away,
    )


@page("browse")
def subscription(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """One subscription; with ``?chart=`` and how far back, the figures of its chart alone, as JSON."""
    if "chart" in request.GET:
        return _chart(topic, name, request.GET["chart"])
    line, away = _line_or_last_known(topic, name)
    if away and wants_fragment(request):
        return load_whole_page()  # it says so, and retries automatically
    here = desk().subscriptions
    context = {"line": line, **_about(line), "capabilities": here.capabilities, "known_at": line.backlog.as_of}
    if wants_fragment(request):
        return render(request, "subscriptions/_state.html", context)
    last_move = _last_move(request, line.topic, name)
    context |= {
        "means": TYPE_MEANS[line.subscription.type],
        "external": _is_external(line),
        "last_move": last_move,
        "may_undo": last_move is not None and _may_undo(request, last_move),
        "may_reset": policy.allows(request.user, RESET_CURSOR.name) and not (line.of_the_store or _is_external(line)),
        "who_may_reset": role_names.who_may(RESET_CURSOR.name),
        **sections(request, line, away=away is not None),
        "diagnosis": diagnosis_of(line),
        "chart_ranges": {} if line.of_the_store else RANGES,
        "projection": _projection_of(line),
    }
    return render(request, "subscriptions/show.html", context, away=away)


def _projection_of(line: Line) -> Projection | None:
    """The projection that reads by it; ``None`` for a cursor of the store's own, and in a topic of copies."""
    if line.of_the_store or line.topic.derived:
        return None
    return desk().projections.of_subscription(line.topic.name, line.subscription.name)


def _is_external(line: Line) -> bool:
    """Whether its consumers keep their positions elsewhere, so that its cursor is not ours to move."""
    return line.backlog.state is State.EXTERNAL


def _chart(topic: str, name: str, back: str) -> HttpResponse:
    """Without asking the store: it comes with what the index's database has."""
    if back not in RANGES:
        return HttpResponseBadRequest(f"chart takes one of {', '.join(RANGES)}.")
    return JsonResponse(figures(topic, name, RANGES[back][1]))


def _line_or_last_known(topic: str, name: str) -> tuple[Line, StoreUnreachable | None]:
    """The subscription now, or as the list last showed it; ``StoreUnreachable`` where it never did."""
    canonical = topic
    try:
        found = desk().streams.topic(topic)
        canonical = found.name  # the index tells it where the store is away
        return Line(topic=found, backlog=desk().backlogs.one(canonical, name)), None
    except StoreUnreachable as error:
        known = backlog_cache.last_known()
        for line in known.lines if known else ():
            if (line.topic.name, line.subscription.name) == (canonical, name):
                return line, error
        raise


def _of_topic(found: BacklogSnapshot, wanted: str) -> BacklogSnapshot:
    """Of the topic of this name, or of those that end with it: "documents" for public/default/documents."""
    names = {line.topic.name for line in found.lines}
    if wanted in names:
        return found.of_topic(wanted)
    short = [name for name in names if name.rpartition("/")[2] == wanted]
    return found.of_topic(short[0] if len(short) == 1 else wanted)


def _choices(found: BacklogSnapshot) -> dict[str, Sequence[str]]:
    """What the filter offers: what there is."""
    return {
        "topics": sorted({line.topic.name for line in found.lines}),
        "types": sorted({line.subscription.type.value for line in found.of_services}),
        "states": [state.value for state in State if found.counted(state)],
    }


def _states(found: BacklogSnapshot) -> Sequence[tuple[int, tuple[str, str, str]]]:
    counted = [(found.counted(state), MARKS[state]) for state in State]
    return [pair for pair in counted if pair[0]]


def _about(line: Line) -> dict[str, Any]:
    return {
        "events_wait": events_words(line.backlog),
        "how_counted": _how_counted(line.backlog),
        "own_means": OWN_MEANS.get(line.subscription.kind, ""),
        "kind_means": _kind_means(line),
        "has_other_entries": _has_other_entries(line.backlog),
        "stuck": line.stuck,
    }


def _kind_means(line: Line) -> str:
    """What a function's or sink's subscription is, and by which sign; empty for any other service."""
    if not line.kind_word:
        return ""
    if line.unattended:
        return f"By its name it belongs to a Pulsar {line.kind_word}, and no instance of it is connected."
    return f"It belongs to a Pulsar {line.kind_word}: its consumers say so."


def _has_other_entries(backlog: Backlog) -> bool:
    """Whether the broker counts entries that are not events. Each event is in one entry, so there are never more entries."""
    return backlog.counted is Counted.INDEX and backlog.entries is not None and backlog.entries > backlog.waiting


def _how_counted(backlog: Backlog) -> str:
    return {
        Counted.STORE: "exact count",
        Counted.INDEX: "counted by the index",
        Counted.INDEX_BEHIND: "counted by the index, which has not caught up: there may be more",
        Counted.ENTRIES: "the broker's entries, where a batch of events is one: the index does not know this topic yet",
    }[backlog.counted]


def _may_undo(request: HttpRequest, act: Act) -> bool:
    """Whether the record keeps the place before this move, so that it can be undone."""
    kept = act.details.get(KEPT)
    known = isinstance(kept, dict) and "before" in kept and act.state not in ("failed", "intended")
    return known and policy.allows(request.user, UNDO_MOVE.name)


def _last_move(request: HttpRequest, topic: Topic, name: str) -> Act | None:
    if not policy.allows(person_of(request), "read_audit"):
        return None
    found = acts(limit=MOST_ACTS, on=subscription_resource(topic.name, name))
    return next((act for act in found if act.action in MOVE_NAMES), None)


urls = [
    path("subscriptions/", subscriptions, name="subscriptions"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/", subscription, name="subscription"),
]
