"""The pages of cases: the list, opening one, its page with all that belongs to it, a note, and closing it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access import policy
from dashboard.access.actors import page_actor
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.cases.action_rules import CLOSE_CASE, NOTE_IN_CASE, OPEN_CASE, case_resource
from dashboard.cases.forms import LONGEST_NOTE, CaseForm, NoteForm, offered
from dashboard.cases.gathered import entries_of
from dashboard.gateway import desk
from dashboard.models import Case, CaseNote
from dashboard.privacy.by_reason import cases
from dashboard.privacy.by_reason.of_request import open_case_of
from dashboard.reveals.forms import LONGEST_TICKET
from dashboard.web.pages import page, person_of, render

LINES = 50


@page("read_cases")
def index(request: HttpRequest) -> HttpResponse:
    """The person's own cases, and those of all for who looks after them."""
    person = person_of(request)
    every = policy.allows(person, "read_reveals")
    rows = Case.objects.select_related("person") if every else Case.objects.select_related("person").filter(person=person)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: LINES + 1])
    now = datetime.now(UTC)
    context = {
        "lines": [(case, cases.how_it_closed(case, now), cases.closed_at(case, now)) for case in found[:LINES]],
        "every": every,
        "may_open": policy.allows(person, OPEN_CASE.name),
        "older": f"?before={found[LINES - 1].pk}" if len(found) > LINES else "",
    }
    return render(request, "cases/index.html", context)


@page(OPEN_CASE.name)
def new(request: HttpRequest) -> HttpResponse:
    return _form(request, CaseForm())


@page(OPEN_CASE.name, methods=("POST",))
def create(request: HttpRequest) -> HttpResponse:
    """Open a case. What the person does from now on belongs to it."""
    form = CaseForm(request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    person = person_of(request)
    given = form.cleaned_data
    case = cases.begin(person, ticket=given["ticket"], reason=given["reason"], lasts=form.lasts)
    if case is None:
        return _form(request, form, status=409)
    details = {"case": case.pk, "ticket": case.ticket, "reason": case.reason, "hours": given["hours"]}
    try:
        with desk().actions.perform(page_actor(person.username), OPEN_CASE, case_resource(case.pk), details):
            pass
    except BaseException:
        case.delete()  # nothing is open that the record does not tell of
        raise
    messages.success(request, f"Case {case.pk} is open: what you do from now on belongs to it.")
    return HttpResponseRedirect(reverse("case", args=[case.pk]))


@page("read_cases")
def show(request: HttpRequest, id: int) -> HttpResponse:
    return _page(request, case_for(request, id), NoteForm())


@page(NOTE_IN_CASE.name, methods=("POST",))
def notes(request: HttpRequest, id: int) -> HttpResponse:
    """Write a note into the person's own open case. Its text is not on the record."""
    case = _own_open(request, id)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, case, form, status=422)
    text = form.cleaned_data["text"]
    with desk().actions.perform(page_actor(case.person.username), NOTE_IN_CASE, case_resource(id), {"characters": len(text)}):
        CaseNote.objects.create(case=case, text=text, written=datetime.now(UTC))
    return HttpResponseRedirect(reverse("case", args=[id]))


@page(CLOSE_CASE.name, methods=("POST",))
def closings(request: HttpRequest, id: int) -> HttpResponse:
    """Close the person's own case. Its reveals end at once."""
    case = _own_open(request, id)
    details = {"case": case.pk, "ticket": case.ticket}
    with desk().actions.perform(page_actor(case.person.username), CLOSE_CASE, case_resource(id), details):
        cases.end(case)
    messages.success(request, f"Case {case.pk} is closed, and its reveals have ended.")
    return HttpResponseRedirect(reverse("case", args=[id]))


def case_for(request: HttpRequest, id: int) -> Case:
    """The case of this number, if this person may read it."""
    person = person_of(request)
    case = Case.objects.select_related("person").filter(pk=id).first()
    if case is None or (case.person != person and not policy.allows(person, "read_reveals")):
        raise Http404
    return case


def facts_of(case: Case) -> Mapping[str, Any]:
    """What every page of a case says of it."""
    now = datetime.now(UTC)
    return {"case": case, "how_closed": cases.how_it_closed(case, now), "closed_at": cases.closed_at(case, now)}


def _page(request: HttpRequest, case: Case, form: NoteForm, *, status: int = 200) -> HttpResponse:
    open_one = open_case_of(request)
    context = {
        **facts_of(case),
        "own_open": open_one is not None and open_one.pk == case.pk,
        "entries": entries_of(case),
        "form": form,
        "longest_note": LONGEST_NOTE,
    }
    return render(request, "cases/show.html", context, status=status)


def _form(request: HttpRequest, form: CaseForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "open_one": open_case_of(request) if status != 409 else cases.open_case(person_of(request)),
        "hours": offered(),
        "chosen": form.entered("hours") or str(settings.EVENTDESK.cases.hours),
        "ticket": form.entered("ticket"),
        "longest_reason": LONGEST_REASON,
        "longest_ticket": LONGEST_TICKET,
    }
    return render(request, "cases/new.html", context, status=status)


def _own_open(request: HttpRequest, id: int) -> Case:
    case = open_case_of(request)
    if case is None or case.pk != id:
        raise Http404
    return case


urls = [
    path("cases/", index, name="cases"),
    path("cases/new/", new, name="case_new"),
    path("cases/openings/", create, name="case_openings"),
    path("cases/<int:id>/", show, name="case"),
    path("cases/<int:id>/notes/", notes, name="case_notes"),
    path("cases/<int:id>/closings/", closings, name="case_closings"),
]
