"""Asking for a reveal, and ending one."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.access import policy
from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.gateway import desk
from dashboard.models import Person, Reveal
from dashboard.privacy import display_id
from dashboard.privacy.by_reason import reveals
from dashboard.privacy.by_reason.of_request import login_of, open_case_of, reveals_of
from dashboard.privacy.by_reason.reveals import Stated
from dashboard.reveals import telling
from dashboard.reveals.action_rules import EMERGENCY_REVEAL, END_REVEAL, REVEAL
from dashboard.reveals.forms import LONGEST_TICKET, RevealForm, offered, times
from dashboard.reveals.subjects import SCOPES, Asked, asked_for, in_words, resource_of, sees_it_already, words_of_type
from dashboard.scoping.current import answering_nobody
from dashboard.web.pages import page, person_of, profile_of, render
from eventstore.actions import Action

LONGEST_BACK = 4_096


@page(REVEAL.name)
def new(request: HttpRequest) -> HttpResponse:
    """The form. It shows nothing yet."""
    return _form(request, asked_for(_flat(request.GET), profile_of(request)), REVEAL, RevealForm())


@page(EMERGENCY_REVEAL.name)
def new_in_emergency(request: HttpRequest) -> HttpResponse:
    """The same for somebody without the right."""
    action = _in_emergency(person_of(request))
    return _form(
        request, asked_for(_flat(request.GET), profile_of(request)), action, RevealForm(emergency=action is EMERGENCY_REVEAL)
    )


@page(REVEAL.name, methods=("POST",))
def create(request: HttpRequest) -> HttpResponse:
    """Reveal it to this login of this person."""
    return _create(request, REVEAL)


@page(EMERGENCY_REVEAL.name, methods=("POST",))
def create_in_emergency(request: HttpRequest) -> HttpResponse:
    """The same for somebody without the right. The privacy officer is told before the answer is sent."""
    return _create(request, _in_emergency(person_of(request)))


@page(END_REVEAL.name, methods=("POST",))
def ends(request: HttpRequest, id: int) -> HttpResponse:
    """Hide it again, now: also what lies outside of the person's scope by now."""
    person = person_of(request)
    reveal = Reveal.objects.filter(pk=id, person=person).first()
    if reveal is None:
        raise Http404
    details = {"reveal": reveal.pk, "what": in_words(reveal.kind), "ticket": reveal.ticket}
    of = resource_of(reveals.subject_of(reveal))
    with answering_nobody(), desk().actions.perform(page_actor(person.username), END_REVEAL, of, details):
        reveals.end(reveal)
    messages.success(request, "The reveal has ended: its values are hidden again.")
    return HttpResponseRedirect(_back(request) or reverse("overview"))


@page("browse")
def in_force(request: HttpRequest) -> HttpResponse:
    """The reveals of this login with the milliseconds that each has left, for an open page that no websocket tells."""
    return JsonResponse({"active": {str(reveal.pk): reveal.milliseconds_left for reveal in reveals_of(request)}})


def _create(request: HttpRequest, action: Action) -> HttpResponse:
    asked = asked_for(_flat(request.POST), profile_of(request))
    form = RevealForm(request.POST, emergency=action is EMERGENCY_REVEAL)
    if not form.is_valid():
        return _form(request, asked, action, form, status=422)
    subject = asked.subject(form.cleaned_data["kind"])
    to = HttpResponseRedirect(_back(request) or asked.url)
    if sees_it_already(subject, profile_of(request)):
        messages.info(request, "You see this already: nothing was revealed.")
        return to
    person, session, case = person_of(request), login_of(request), open_case_of(request)
    stated = Stated(
        reason=form.cleaned_data["reason"],
        ticket=form.cleaned_data["ticket"],
        address=client_address(request),
        emergency=action is EMERGENCY_REVEAL,
    )
    details: dict[str, Any] = {
        "what": in_words(subject.kind),
        "path": subject.path,
        "reason": stated.reason,
        "ticket": stated.ticket,
        "minutes": form.cleaned_data["minutes"],
        "from": stated.address,
    }
    with desk().actions.perform(page_actor(person.username), action, resource_of(subject), details) as act:
        reveal = reveals.begin(person, session, subject, stated, lasts=form.lasts, case=case)
        act.facts["reveal"] = reveal.pk
    if action is EMERGENCY_REVEAL:
        messages.warning(request, telling.tell_of(reveal))
    return to


def _form(request: HttpRequest, asked: Asked, action: Action, form: RevealForm, *, status: int = 200) -> HttpResponse:
    case = open_case_of(request)
    usual, longest = times(emergency=action is EMERGENCY_REVEAL)
    context = {
        "asked": asked,
        "kinds": [(kind, SCOPES[kind]) for kind in asked.kinds],
        "kind": form.entered("kind") or asked.kinds[0],
        "shown_id": display_id(asked.whole.aggregate_type, asked.whole.aggregate_id, profile_of(request)),
        "type_words": words_of_type(asked.type),
        "emergency": action is EMERGENCY_REVEAL,
        "officer": action is not EMERGENCY_REVEAL or reveals.has_privacy_officer(),
        "post_to": reverse("emergency_reveals" if action is EMERGENCY_REVEAL else "reveal_confirmations"),
        "form": form,
        "case": case,
        "ticket": form.entered("ticket") or (case.ticket if case else ""),
        "minutes": offered(usual, longest),
        "chosen": form.entered("minutes") or str(usual),
        "already": reveals.already(reveals_of(request), asked.whole),
        "back": _back(request),
        "longest_reason": LONGEST_REASON,
        "longest_ticket": LONGEST_TICKET,
    }
    return render(request, "reveals/new.html", context, status=status)


def _in_emergency(person: Person) -> Action:
    """Who may reveal anyway needs no emergency."""
    return REVEAL if policy.allows(person, REVEAL.name) else EMERGENCY_REVEAL


def _flat(given: QueryDict) -> Mapping[str, str]:
    return {name: given.get(name, "") for name in ("event", "at", "path", "aggregate_type", "aggregate_id")}


def _back(request: HttpRequest) -> str:
    """Where the person came from, if that is a page of ours."""
    given = request.POST if request.method == "POST" else request.GET
    back = given.get("back", "")
    ours = len(back) <= LONGEST_BACK and back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if ours else ""


urls = [
    path("reveals/new/", new, name="reveal_new"),
    path("reveals/in-force/", in_force, name="reveals_in_force"),
    path("reveals/confirmations/", create, name="reveal_confirmations"),
    path("reveals/emergencies/new/", new_in_emergency, name="emergency_reveal_new"),
    path("reveals/emergencies/", create_in_emergency, name="emergency_reveals"),
    path("reveals/<int:id>/ends/", ends, name="reveal_ends"),
]
