"""Changing one's own password. The person's other logins end by it."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import account
from dashboard.accounts import sessions
from dashboard.accounts.action_rules import CHANGE_PASSWORD
from dashboard.accounts.proving import of_password
from dashboard.accounts.views import OWN
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from dashboard.privacy.by_reason import reveals
from dashboard.web.pages import page, person_of, problem, render
from dashboard.web.problems import Problem
from eventstore.actions import perform

if TYPE_CHECKING:
    _SetPasswordForm = SetPasswordForm[Person]
else:
    _SetPasswordForm = SetPasswordForm

LONGEST = 4_096
"""Characters. A hash of a longer text would take long."""


class PasswordForm(_SetPasswordForm):
    """Django's, with the password of now."""

    old_password = forms.CharField(
        strip=False, max_length=LONGEST, error_messages={"required": "Give the password that you have now."}
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("new_password1", "new_password2"):
            field = self.fields[name]
            field.error_messages["required"] = "Give the new password, twice."
            field.validators.append(forms.CharField(max_length=LONGEST).validators[0])


@page(OWN)
def new(request: HttpRequest) -> HttpResponse:
    if not person_of(request).has_usable_password():
        return problem(request, _none_here())
    return _form(request, PasswordForm(person_of(request)))


@page(CHANGE_PASSWORD.name, methods=("POST",))
def change(request: HttpRequest) -> HttpResponse:
    person = Person.objects.get(pk=person_of(request).pk)
    if not person.has_usable_password():
        return problem(request, _none_here())
    form = PasswordForm(person, request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    wrong = of_password(request, person, CHANGE_PASSWORD, form.cleaned_data["old_password"]).problem
    if wrong:
        form.add_error("old_password", wrong)
        return _form(request, form, status=422)
    before = request.session.session_key
    with perform(SAFEGUARDS, page_actor(person.username), CHANGE_PASSWORD, account(person.username), {}) as act:
        form.save()
        act.facts["other_sessions_ended"] = sessions.end(person, but=before)
    reveals.end_of_login(before)
    update_session_auth_hash(request, person)
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return HttpResponseRedirect(reverse("account"))


def _form(request: HttpRequest, form: PasswordForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "asked_of_passwords": password_validators_help_texts()}
    return render(request, "accounts/password.html", context, status=status)


def _none_here() -> Problem:
    return Problem(
        status=404,
        title="No password here",
        text="You sign in by the sign-in provider: your password is changed there.",
        link=("Your account", "account"),
    )


urls = [
    path("account/password/", new, name="password"),
    path("account/password-changes/", change, name="password_changes"),
]
