"""A person's own second factor: setting it up, new recovery codes, and removing it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.urls import path, reverse

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import account
from dashboard.accounts import enrolling, second_factor, sessions
from dashboard.accounts.action_rules import ENROL, NEW_CODES, REMOVE_OWN
from dashboard.accounts.proving import Proof, of_code, of_password
from dashboard.accounts.second_step import let_through
from dashboard.accounts.views import OWN
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from dashboard.privacy.by_reason import reveals
from dashboard.web.pages import page, person_of, problem, render
from dashboard.web.problems import Problem
from eventstore.actions import Action, perform


@page(OWN)
def show(request: HttpRequest) -> HttpResponse:
    """Set it up, or look after the one there is."""
    return _page(request)


@page(ENROL.name, methods=("POST",))
def enrolments(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    if not person.has_usable_password() or second_factor.has_device(person):
        return _page(request)
    wrong = of_password(request, person, ENROL, request.POST.get("password", "")).problem
    if wrong:
        return _page(request, password_problem=wrong)
    codes = enrolling.enrolled(request, person, request.POST.get("code", ""))
    if isinstance(codes, Proof):
        return _page(request, problem=codes.problem)
    let_through(request, person, second_factor.DEVICE)
    return enrolling.codes_page(request, codes, leads_to=reverse("account"))


@page(NEW_CODES.name, methods=("POST",))
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, for a code of the device or one of those there are."""
    person = person_of(request)
    wrong = of_code(request, person, request.POST.get("code", ""), by=person).problem
    if wrong:
        return _page(request, codes_problem=wrong)
    with perform(SAFEGUARDS, page_actor(person.username), NEW_CODES, account(person.username), {}):
        codes = second_factor.new_codes(person)
    return enrolling.codes_page(request, codes, leads_to=reverse("account"))


@page(REMOVE_OWN.name, methods=("POST",))
def removals(request: HttpRequest) -> HttpResponse:
    """Remove the device, for the password and a code of it. Who needs one is led to setting up another."""
    person = person_of(request)
    wrong = _unproven(request, person, REMOVE_OWN)
    if wrong:
        return _page(request, removal_problem=wrong)
    with perform(SAFEGUARDS, page_actor(person.username), REMOVE_OWN, account(person.username), {}) as act:
        second_factor.remove(person)
        act.facts["other_sessions_ended"] = sessions.end(person, but=request.session.session_key)
    reveals.end_of_login(request.session.session_key)
    request.session.pop(second_factor.PASSED, None)
    request.session.cycle_key()
    rotate_token(request)
    messages.success(request, "Your second factor is removed. Your other sessions have ended.")
    return HttpResponseRedirect(reverse("account"))


def _unproven(request: HttpRequest, person: Person, action: Action) -> str:
    wrong = of_password(request, person, action, request.POST.get("password", "")).problem
    return wrong or of_code(request, person, request.POST.get("code", ""), by=person).problem


def _page(request: HttpRequest, **problems: str) -> HttpResponse:
    person = person_of(request)
    if not person.has_usable_password():
        return problem(request, _of_provider())
    has_device = second_factor.has_device(person)
    context = {
        "has_device": has_device,
        "codes_left": second_factor.codes_left(person),
        "codes_made": second_factor.CODES,
        "needs_device": second_factor.is_needed_by(person),
        **({} if has_device else enrolling.shown(request, person)),
        **problems,
    }
    return render(request, "accounts/second_factor.html", context, status=422 if problems else 200)


def _of_provider() -> Problem:
    return Problem(
        status=404,
        title="No second factor here",
        text="You sign in by the sign-in provider, which asks for its own second factor.",
        link=("Your account", "account"),
    )


urls = [
    path("account/second-factor/", show, name="second_factor"),
    path("account/second-factor/enrolments/", enrolments, name="second_factor_enrolments"),
    path("account/second-factor/recovery-codes/", recovery_codes, name="recovery_codes"),
    path("account/second-factor/removals/", removals, name="second_factor_removals"),
]
