"""A case's file: a page to print, and the same as JSON. Both are put on the record as exports."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone

from dashboard.cases.action_rules import EXPORT_CASE, case_resource
from dashboard.cases.gathered import Entry, as_json, entries_of
from dashboard.cases.views import case_for, facts_of
from dashboard.gateway import desk
from dashboard.models import Case
from dashboard.privacy.by_reason.of_request import standing_profile_of
from dashboard.web.pages import actor_of, as_file, page, person_of, render

JSON, PRINTED = "JSON", "a page to print"


@page(EXPORT_CASE.name, methods=("POST",))
def export(request: HttpRequest, id: int) -> HttpResponse:
    """The case as a file. It says how values were shown then, and how whoever exports it sees them; it holds none."""
    case = case_for(request, id)
    form = JSON if request.POST.get("form") == "json" else PRINTED
    sees = "clear" if standing_profile_of(request).sees_values else "masked"
    actor = actor_of(request)
    details = {"of": case.pk, "ticket": case.ticket, "form": form, "exporter_sees": sees}
    with desk().actions.perform(actor, EXPORT_CASE, case_resource(id), details) as act:
        entries = entries_of(case)
        act.facts["entries"] = len(entries)
    about = {"exported_by": person_of(request).username, "exported": timezone.now(), "exporter_sees": sees}
    if form == JSON:
        answer = JsonResponse(_as_json(case, entries, about), json_dumps_params={"indent": 2, "ensure_ascii": False})
        return as_file(answer, f"case-{case.pk}.json")
    return render(request, "cases/file.html", {**facts_of(case), "entries": entries, **about})


def _as_json(case: Case, entries: list[Entry] | Any, about: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = facts_of(case)
    return {
        "case": case.pk,
        "ticket": case.ticket,
        "reason": case.reason,
        "person": case.person.username,
        "opened": case.opened,
        "ends": case.ends,
        "closed": facts["closed_at"],
        "closed_by": facts["how_closed"] or None,
        **about,
        "entries": [as_json(entry) for entry in entries],
    }


urls = [path("cases/<int:id>/exports/", export, name="case_exports")]
