"""The answer to a request for erasure: what of one aggregate is where, how sure that is, and what is still to be done."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path

from dashboard.access import policy
from dashboard.auditing.chain import noted
from dashboard.erasure.action_rules import EXPORT_ERASURE
from dashboard.erasure.answer import Answer, answer_of, is_large
from dashboard.erasure.as_json import document_of
from dashboard.erasure.texts import NOT_KNOWN, to_dos
from dashboard.gateway import desk
from dashboard.privacy import display_id, given_id, public_id
from dashboard.privacy.by_reason.of_request import standing_profile_of
from dashboard.rendering import action_text, build_pointer_line
from dashboard.rendering.text import humanize_type
from dashboard.web.filter_form import values_building
from dashboard.web.pages import actor_of, as_file, page, person_of, problem, profile_of, render, wants_fragment
from dashboard.web.problems import unknown_aggregate
from eventstore.actions import aggregate_resource
from eventstore.erasure import FORGET_VALUES
from eventstore.model import Aggregate

COUNT = "count"
"""In the address: count what takes a while as well. htmx asks for that once the page is there."""


@page("see_erasure")
def show(request: HttpRequest, type: str, id: str) -> HttpResponse:
    aggregate = found_by(request, type, id)
    if aggregate is None:
        return problem(request, unknown_aggregate(type, id, profile_of(request)))
    if id != public_id(type, aggregate.id):
        return redirect("erasure", type, public_id(type, aggregate.id))
    whole = COUNT in request.GET or wants_fragment(request)
    context = context_of(request, answer_of(aggregate, whole=whole))
    context["left_out"] = wants_fragment(request) and is_large(aggregate)
    return render(request, "erasure/show.html", context, fragment="erasure/_counted.html")


@page(EXPORT_ERASURE.name, methods=("POST",))
def export(request: HttpRequest, type: str, id: str) -> HttpResponse:
    """The same as a JSON file, on the record."""
    aggregate = found_by(request, type, id)
    if aggregate is None:
        return problem(request, unknown_aggregate(type, id, profile_of(request)))
    person = person_of(request).username
    shown_id = display_id(type, aggregate.id, standing_profile_of(request))  # a file outlives a reveal
    document = document_of(answer_of(aggregate, whole=True), person, shown_id)
    # on the record before it is handed out
    details = {"events": aggregate.events}
    noted(actor_of(request), EXPORT_ERASURE.name, aggregate_resource(type, aggregate.id), details)
    answer = JsonResponse(document, json_dumps_params={"indent": 2, "ensure_ascii": True})
    return as_file(answer, "erasure.json")


def found_by(request: HttpRequest, type: str, id: str) -> Aggregate | None:
    """The aggregate that an address names, by its handle where its id is personal."""
    return desk().index.aggregate(type, given_id(type, id, profile_of(request)))


def head_of(request: HttpRequest, aggregate: Aggregate) -> dict[str, Any]:
    """What these pages name. ``public_id`` stands for the aggregate in their addresses, ``title_id`` in their titles."""
    return {
        "aggregate": replace(aggregate, id=display_id(aggregate.type, aggregate.id, profile_of(request))),
        "title_id": display_id(aggregate.type, aggregate.id, standing_profile_of(request)),
        "public_id": public_id(aggregate.type, aggregate.id),
        "type_words": humanize_type(aggregate.type),
    }


def context_of(request: HttpRequest, answer: Answer) -> dict[str, Any]:
    counted = answer.counted
    return {
        **head_of(request, answer.aggregate),
        "answer": answer,
        "counted": counted,
        "building_here": values_building(request, {one.topic for one in answer.events}, every_name=True),
        "unreadable": [build_pointer_line(pointer, profile=profile_of(request)) for pointer in answer.unreadable],
        "acts": [(action_text(action), count) for action, count in counted.record.acts.items()] if counted else [],
        "to_dos": to_dos(answer) if counted else [],
        "not_known": NOT_KNOWN,
        "may_forget": policy.may(
            actor_of(request), FORGET_VALUES.name, aggregate_resource(answer.aggregate.type, answer.aggregate.id)
        ),
        "reads_record": policy.allows(request.user, "read_audit"),
        "may_export": policy.allows(request.user, EXPORT_ERASURE.name),
    }


urls = [
    path("aggregates/<segment:type>/<segment:id>/erasure/", show, name="erasure"),
    path("aggregates/<segment:type>/<segment:id>/erasure/exports/", export, name="erasure_exports"),
]
