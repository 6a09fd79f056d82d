"""A running search over a topic: its progress and new matches, and stopping it."""

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
    """The matches after the first ``seen``, for the topic's page. Other requests are redirected to that page."""
    scan = _scan(request, id)
    if scan is None:
        return _gone(request)
    search = filter_form.search_view(id, scan, _seen(request))
    if not wants_fragment(request):
        return redirect(search.here_url)
    return render(request, "searches/_news.html", {"search": search})


@page("browse", methods=("POST",))
def stops(request: HttpRequest, id: str) -> HttpResponse:
    scan = _scan(request, id)
    if scan is None:
        return _gone(request)
    scan.stop()
    if wants_fragment(request):
        return HttpResponse(status=204)  # the page polls the progress anyway
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
