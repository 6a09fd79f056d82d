"""A running search over a topic: how far it is and what it found since, and stopping it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from dashboard.gateway import desk
from dashboard.rendering import EventLine
from dashboard.web import filter_form
from dashboard.web.pages import not_found, page, render, wants_fragment
from eventstore.scanning import Scan


@page("browse")
def show(request: HttpRequest, id: str) -> HttpResponse:
    """What is new behind the first ``seen`` matches, for the topic's page; whoever comes by address is led there."""
    scan = _scan(request, id)
    if scan is None:
        return _gone(request)
    found = filter_form.search_view(id, scan, _seen(request))
    if not wants_fragment(request):
        return redirect(found.here_url)
    return render(request, "searches/_news.html", {"search": found})


@page("browse", methods=("POST",))
def stops(request: HttpRequest, id: str) -> HttpResponse:
    scan = _scan(request, id)
    if scan is None:
        return _gone(request)
    scan.stop()
    if wants_fragment(request):
        return HttpResponse(status=204)  # the page asks how far it is anyway
    return redirect(filter_form.search_view(id, scan).here_url)


def _scan(request: HttpRequest, id: str) -> Scan[EventLine] | None:
    return desk().scans.get(filter_form.owner_of(request), id)


def _gone(request: HttpRequest) -> HttpResponse:
    if wants_fragment(request):
        return render(request, "searches/_gone.html", {}, status=404)
    return not_found(request, Http404())


def _seen(request: HttpRequest) -> int:
    given = request.GET.get("seen", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0


urls = [
    path("searches/<segment:id>/", show, name="search"),
    path("searches/<segment:id>/stops/", stops, name="search_stops"),
]
