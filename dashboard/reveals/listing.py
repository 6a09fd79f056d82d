"""The privacy officer's list: who has seen masked values of whom, why, from where, and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access import policy
from dashboard.access.actors import page_actor
from dashboard.gateway import desk, sight
from dashboard.models import Reveal
from dashboard.privacy import any_is_personal, may_ask_for_ids
from dashboard.privacy.by_reason.logins import BY_LOGIN, with_ends
from dashboard.privacy.by_reason.of_request import unnoted_profile_of
from dashboard.privacy.by_reason.reveals import subject_of
from dashboard.reveals.action_rules import EXPORT_REVEALS, LIST, SEE_EMERGENCY
from dashboard.reveals.choosing import KINDS, Chosen, Filter, chosen
from dashboard.reveals.subjects import in_words, resource_of
from dashboard.scoping.rows import seen_rows
from dashboard.web.pages import actor_of, as_file, page, person_of, problem, render
from dashboard.web.problems import Problem

LINES = 50


@page("read_reveals")
def index(request: HttpRequest) -> HttpResponse:
    form = Filter(request.GET)
    if not form.is_valid():
        return problem(request, _address_does_not_work())
    profile = unnoted_profile_of(request)
    of = chosen(form.cleaned_data, profile)
    before = form.cleaned_data["before"]
    rows = of.rows.filter(pk__lt=before) if before else of.rows
    found = list(rows.select_related("person", "case").order_by("-pk")[: LINES + 1])
    context = {
        "lines": with_ends(found[:LINES]),
        "total": of.rows.count(),
        "emergencies": of.rows.filter(emergency=True).count(),
        "persons": of.by_person(),
        "customers": of.by_customer(),
        "of": of,
        "kinds": KINDS,
        "ids_by_right": bool(form.cleaned_data["id"]) and any_is_personal() and not may_ask_for_ids(profile),
        "older": f"?{of.query}&before={found[LINES - 1].pk}" if len(found) > LINES else "",
        "newest": f"?{of.query}" if before else "",
        "may_see_emergencies": policy.allows(person_of(request), SEE_EMERGENCY.name),
    }
    return render(request, "reveals/index.html", context)


@page(EXPORT_REVEALS.name, methods=("POST",))
def export(request: HttpRequest) -> HttpResponse:
    """The list as the filter leaves it, all of its pages, as NDJSON. It holds reasons and ids, and no value."""
    form = Filter(request.POST)
    if not form.is_valid():
        return problem(request, _address_does_not_work())
    of = chosen(form.cleaned_data, unnoted_profile_of(request))
    most = policy.most_rows(person_of(request), EXPORT_REVEALS.name)
    if of.rows.count() > most:  # refused, not cut off: a file that ends early looks like a whole one
        return problem(request, _too_many(most))
    actor = actor_of(request)
    with desk().actions.perform(actor, EXPORT_REVEALS, LIST, {"month": of.month.name, "filtered": bool(of.kept)}) as act:
        lines = list(_lines(of, most))
        act.facts["reveals"] = len(lines)
    answer = HttpResponse(b"".join(lines), content_type="application/x-ndjson")
    return as_file(answer, f"reveals-{of.month.name}.ndjson")


@page(SEE_EMERGENCY.name, methods=("POST",))
def acknowledge(request: HttpRequest, id: int) -> HttpResponse:
    """Note that a privacy officer has seen an emergency reveal. Its notice goes from their pages."""
    reveal = seen_rows(Reveal.objects.filter(pk=id, emergency=True), sight()).first()
    if reveal is None:
        raise Http404
    person = person_of(request)
    actor = page_actor(person.username)
    details = {"reveal": reveal.pk, "of": reveal.person.username}
    with desk().actions.perform(actor, SEE_EMERGENCY, resource_of(subject_of(reveal)), details):
        Reveal.objects.filter(pk=id, seen=None).update(seen=datetime.now(UTC), seen_by_id=person.pk)
    messages.success(request, "Noted: you have seen this emergency reveal.")
    return HttpResponseRedirect(f"{reverse('reveals')}?month={reveal.begun:%Y-%m}&emergency=on")


def _lines(of: Chosen, most: int) -> Iterator[bytes]:
    rows = of.rows.select_related("person", "case", "seen_by").order_by("pk")[:most]
    following = rows.iterator(chunk_size=1000)
    while some := list(islice(following, 1000)):
        for reveal, how in with_ends(some):
            yield msgspec.json.encode(as_json(reveal, how)) + b"\n"


def as_json(reveal: Reveal, how: str) -> dict[str, object]:
    """A reveal as a file has it. ``how`` is what ended it."""
    return {
        "reveal": reveal.pk,
        "person": reveal.person.username,
        "what": in_words(reveal.kind),
        "topic": reveal.topic or None,
        "aggregate_type": reveal.aggregate_type or None,
        "aggregate_id": reveal.aggregate_id or None,
        "event_id": reveal.event_id or None,
        "field": reveal.path or None,
        "reason": reveal.reason,
        "ticket": reveal.ticket,
        "case": reveal.case_id,
        "from": reveal.address or None,
        "emergency": reveal.emergency,
        "begun": reveal.begun,
        "ended": (reveal.ended or reveal.ends) if how and how != BY_LOGIN else None,
        "ended_by": how or None,
        "seen_by": reveal.seen_by.username if reveal.seen_by else None,
    }


def _address_does_not_work() -> Problem:
    return Problem(
        status=400,
        title="This address does not work",
        text="It was cut off or changed when it was copied.",
        advice="Open Audit on the left, then Reveals, and filter again.",
    )


def _too_many(most: int) -> Problem:
    return Problem(
        status=400,
        title="Too many reveals for one file",
        text=f"One file holds at most {most:,} reveals.",
        advice="Filter by person, aggregate or ticket, and export each part.",
    )


urls = [
    path("reveals/", index, name="reveals"),
    path("reveals/exports/", export, name="reveal_exports"),
    path("reveals/<int:id>/acknowledgements/", acknowledge, name="reveal_acknowledgements"),
]
