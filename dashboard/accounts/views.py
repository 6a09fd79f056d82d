"""A person's own account: who they are here, and their logins, which they can end."""

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import account
from dashboard.accounts import second_factor, sessions
from dashboard.accounts.action_rules import END_SESSIONS
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.web.pages import page, person_of, render
from eventstore.actions import perform

OWN = "own_account"
EVERYWHERE = "everywhere"


@page(OWN)
def index(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    context = {
        "lines": sessions.lines_of(person, request.session.session_key),
        "has_password": person.has_usable_password(),
        "has_device": second_factor.has_device(person),
        "codes_left": second_factor.codes_left(person),
    }
    return render(request, "accounts/index.html", context)


@page(END_SESSIONS.name, methods=("POST",))
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one login, or all of the person's, with this one."""
    person = person_of(request)
    number = request.POST.get("session", "")
    everywhere = number == EVERYWHERE
    actor = page_actor(person.username)
    with perform(SAFEGUARDS, actor, END_SESSIONS, account(person.username), {"everywhere": everywhere}) as act:
        ended = sessions.end(person) if everywhere else int(sessions.end_one(person, number))
        act.facts["sessions_ended"] = ended
    if everywhere or not _is_still_there(request):
        logout(request)
        return HttpResponseRedirect(reverse("login"))
    messages.success(request, "The session has ended." if ended else "That session had ended already.")
    return HttpResponseRedirect(reverse("account"))


def _is_still_there(request: HttpRequest) -> bool:
    key = request.session.session_key
    return key is not None and request.session.exists(key)


urls = [
    path("account/", index, name="account"),
    path("account/session-ends/", end_sessions, name="session_ends"),
]
