"""The patient's app of the demo: what a patient sees of the read model that ``app-timeline`` builds. Only in demo mode."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from dashboard.demo import app_table
from dashboard.gateway import desk, sight
from dashboard.rendering import aggregate_url
from dashboard.web.pages import page, wants_fragment

PROJECTION = "app-timeline"


@page("browse")
def app(request: HttpRequest, patient: str) -> HttpResponse:
    """The patient's documents, the newest first. The page refreshes by itself."""
    if not settings.DEMO or not _is_seen(patient):
        raise Http404
    context = {
        "patient": patient,
        "documents": app_table.documents_of(patient),
        "desk_url": aggregate_url("patient", patient),
    }
    return render(request, "demo_app/_documents.html" if wants_fragment(request) else "demo_app/show.html", context)


def _is_seen(patient: str) -> bool:
    """Whether the patient's events and the projection lie within the person's scope, as the table is of another service."""
    return sight() is None or (
        desk().index.aggregate("patient", patient) is not None
        and any(one.name == PROJECTION for one in desk().projections.all())
    )


urls = [path("demo/app/<segment:patient>/", app, name="demo_app")]
