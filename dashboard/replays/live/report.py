"""The report of a replay, to print or to keep: who, why, what was planned, the figures, and the entries of the record."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone

from dashboard.access.client_address import client_address
from dashboard.auditing import noted
from dashboard.auditing.acts import Act
from dashboard.gateway import desk
from dashboard.rendering import audit_line
from dashboard.replays.live.action_rules import EXPORT_REPLAY
from dashboard.replays.live.history import acts_on, log_of
from dashboard.replays.live.plan import plan_facts
from dashboard.replays.live.shown import shown
from dashboard.web.pages import actor_of, as_file, page, profile_of, render
from eventstore.actions import Resource
from eventstore.jobs import JOB
from eventstore.replays import Watched


@page("read_audit")
def report(request: HttpRequest, id: str) -> HttpResponse:
    found = desk().replays.watch(id)
    acts = acts_on(found.job)
    context = {
        "shown": shown(found, profile_of(request), named=True),
        "job": found.job,
        "order": found.order,
        "plan": plan_facts(found.order, acts[0] if acts else None),
        "log": log_of(found, acts, named=True),
        "lines": [audit_line(act) for act in acts],
        "as_of": timezone.now(),
    }
    return render(request, "replays/report.html", context)


@page("read_audit")
def export(request: HttpRequest, id: str) -> HttpResponse:
    """The same as a JSON file: names, ids, counts and times, and never a payload. It is recorded before it is sent."""
    found = desk().replays.watch(id)
    told = as_json(found)
    actor = actor_of(request)
    noted(actor, EXPORT_REPLAY.name, Resource(kind=JOB, name=found.job.id), {"address": client_address(request) or None})
    answer = JsonResponse(told, json_dumps_params={"indent": 2, "ensure_ascii": False})
    return as_file(answer, f"replay-{found.job.id}.json")


def as_json(found: Watched) -> Mapping[str, Any]:
    job, acts = found.job, acts_on(found.job)
    return {
        "replay": job.id,
        "state": job.state.value,
        "asked_for_by": job.asker.name,
        "via": job.asker.via,
        "reason": job.reason,
        "ticket": found.order.ticket,
        "asked": job.asked,
        "started": job.started,
        "ended": job.ended,
        "problem": job.problem,
        "figures": {
            "events": found.total,
            "sent": found.sent,
            "consumed": None if found.unknown else found.consumed,
            "consumed_is_exact": found.exact,
            "not_known_because": found.unknown,
            "given_up": found.given_up,
            "given_up_is_exact": found.given_up_exact,
        },
        "plan": {"digest": found.order.digest, **dict(plan_facts(found.order, acts[0] if acts else None))},
        "log": [{"at": one.at, "what": one.what, "who": one.who, "why": one.why} for one in log_of(found, acts, named=True)],
        "record": [_act(act) for act in acts],
    }


def _act(act: Act) -> Mapping[str, Any]:
    return {
        "entry": act.number,
        "act": str(act.act),
        "action": act.action,
        "person": act.actor,
        "state": str(act.state),
        "begun": act.begun,
        "ended": act.ended,
        "details": act.details,
        "outcome": act.outcome,
    }


urls = [
    path("replays/<hex:id>/report/", report, name="replay_report"),
    path("replays/<hex:id>/report/export/", export, name="replay_export"),
]
