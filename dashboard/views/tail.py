"""A topic's tail: the last events, and from then on the new ones as they are published."""

import json

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard import showing, wiring
from dashboard.pages import page, render, viewer_of

FIRST_ROWS = 50


@page("tail")
def tail(request: HttpRequest, topic: str) -> HttpResponse:
    gateway = wiring.gateway()
    found = gateway.topic(topic)
    rows, places = gateway.tail_start(found, limit=FIRST_ROWS)
    viewer = viewer_of(request)
    context = {
        "topic": found,
        "lines": [showing.event_line(row, viewer) for row in rows],
        "tail_places": json.dumps(places, separators=(",", ":")),
    }
    return render(request, "tail/show.html", context)


urls = [path("topics/<segment:topic>/tail/", tail, name="tail")]
