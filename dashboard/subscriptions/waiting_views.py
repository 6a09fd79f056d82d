"""All events that wait behind a subscription's cursors, page by page, the oldest first."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.gateway import desk
from dashboard.rendering import build_line
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.marks import events_words
from dashboard.web.pages import page, page_token_of, profile_of, render
from eventstore.subscriptions import Counted, State


@page("browse")
def waiting_events(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    found = desk().streams.topic(topic)
    line = Line(topic=found, backlog=desk().backlogs.one(found.name, name))
    here = desk().subscriptions
    reached = here.reach(line.subscription)
    page_token = page_token_of(request)
    events = here.waiting_page(reached, page_token=page_token, limit=settings.EVENTDESK.limits.page_size)
    profile = profile_of(request)
    context = {
        "line": line,
        "events_wait": events_words(line.backlog),
        "page": events,
        "lines": [build_line(row, profile) for row in events.items],
        "summary": here.waiting_summary(reached),
        "at_first": page_token is None,
        "external": line.backlog.state is State.EXTERNAL,
        "not_all_indexed": line.backlog.counted in (Counted.INDEX_BEHIND, Counted.ENTRIES),
        "known_at": line.backlog.as_of,
    }
    return render(request, "waiting_events/index.html", context)


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/waiting/", waiting_events, name="waiting_events"),
]
