"""The audit record: who acted, on what, why, and with which outcome. Also verifies that the record is unchanged."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.auditing.acts import Act, ActsPage, act_of, page_of_acts
from dashboard.auditing.refusals import write_ended
from dashboard.auditing.sealing import seal_state
from dashboard.auditing.verification import verify
from dashboard.gateway import desk, sight
from dashboard.models import AuditHead, State
from dashboard.record.exporting import FORMATS
from dashboard.record.filters import OLDER_FILTERS, FilterForm, is_filtered, query, wanted_by
from dashboard.rendering import audit_line
from dashboard.scoping.rows import sees_act
from dashboard.web.pages import page, problem, profile_of, render
from dashboard.web.problems import Problem
from eventstore.actions import registered
from eventstore.jobs import Job, UnknownJob, kind_named
from eventstore.model import IndexedTopic

ACTS = 50


@page("read_audit")
def audit(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    if not form.is_valid():
        return problem(
            request,
            Problem(
                status=400,
                title="This address does not work",
                text="It was cut off or changed when it was copied.",
                advice="Open Audit on the left and filter again.",
            ),
        )
    write_ended()
    given = form.cleaned_data
    indexed = desk().index.topics()
    wanted, meant = wanted_by(given, indexed, profile_of(request))
    if given["act"] is not None:
        act = act_of(given["act"])
        found = ActsPage(acts=[act] if act and sees_act(act, sight()) else [])
    else:
        within = sight()
        sees = None if within is None else partial(sees_act, sight=within)
        found = page_of_acts(wanted, before=given["before"], limit=ACTS, sees=sees)
    context = {
        "lines": [audit_line(act, _partitions(act, indexed), _open_job(act)) for act in found.acts],
        "given": given,
        "given_earlier": [(name, given[name]) for name in OLDER_FILTERS if given[name]],
        "of_event": meant is not None and meant.of_event,
        "of_position": meant is not None and meant.of_position,
        "filtered": is_filtered(given),
        "actions": sorted(((action.name, action.title) for action in registered()), key=lambda pair: pair[1]),
        "older": query(given, before=found.older) if found.older else "",
        "looked_back_to": found.looked_back_to,
        "newest": query(given) if given["before"] else "",
        "exports": [(query(given, format=format.name), format.title) for format in FORMATS.values()],
        "seals": seal_state(),
        **(_verified() if request.GET.get("verify") == "1" else {}),
    }
    return render(request, "audit/index.html", context)


def _open_job(act: Act) -> Job | None:
    """The job that does this act, if the act is open for that."""
    if act.state is State.DONE or kind_named(act.action) is None:
        return None
    try:
        job = desk().jobs.get(str(act.details.get("job", "")))
    except UnknownJob:
        return None
    return None if job.state.has_ended else job


def _partitions(act: Act, indexed: Mapping[str, IndexedTopic]) -> int:
    topic = indexed.get(act.resource.topic)
    return topic.partitions if topic else 0


def _verified() -> dict[str, Any]:
    broken = verify(seal_state().seals)
    head = AuditHead.objects.filter(id=1).first()
    return {"verified": True, "broken": broken, "entries": head.number if head else 0}


urls = [path("audit/", audit, name="audit")]
