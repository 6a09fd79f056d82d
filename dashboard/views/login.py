"""The login page, the only one without a login, and logging out, which needs a POST. All is recorded, and failures limited."""

import math
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import path, reverse

from dashboard.access import login_limit
from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.command_actions import LOG_IN, LOG_OUT, account
from dashboard.accounts.middleware import half_login_of
from dashboard.accounts.proving import limits_reached, wait_text
from dashboard.accounts.second_factor import step_of
from dashboard.accounts.session_store import HALF
from dashboard.auditing import noted
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from dashboard.privacy.by_reason.of_request import open_case_of
from dashboard.signin import leaving
from dashboard.web.pages import problem
from dashboard.web.problems import Problem
from eventstore.actions import Action, Ending, Outcome

NO_ACCOUNT = "(a name that no account has)"
"""Recorded instead of the name itself: people type passwords into that field."""
TOO_MANY = "too_many"


class LoginForm(AuthenticationForm):
    """Django's, behind the limits. ``wait`` is set if the attempt was refused without looking at the password."""

    wait: timedelta | None = None

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password or self.request is None:
            return super().clean()
        address = client_address(self.request)
        attempt = login_limit.begin(name, address)
        if isinstance(attempt, login_limit.Refused):
            self.wait = attempt.wait
            known = Person.objects.filter(username=name).exists()
            where = account(name if known else NO_ACCOUNT)
            note_refusal(NOBODY, where, LOG_IN.name, reason="too many attempts", address=address or None)
            raise ValidationError(wait_text(attempt.wait), code=TOO_MANY)
        try:
            cleaned = super().clean()
        except ValidationError:
            _record_failure(attempt, address)
            raise
        login_limit.succeeded(attempt)
        return cleaned


class Login(LoginView):
    template_name = "login/index.html"
    redirect_authenticated_user = True
    authentication_form = LoginForm

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        by = settings.SIGN_IN
        named = {"provider_name": by.name if by is not None else "", "local_login": settings.LOCAL_LOGIN}
        return {**super().get_context_data(**options), **named}

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if settings.LOCAL_LOGIN:
            return super().post(request, *args, **options)
        text = "This installation takes no passwords: use the button of the sign-in provider."
        return problem(request, Problem(status=HTTPStatus.FORBIDDEN, title="Not allowed", text=text))

    def get(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if half_login_of(request) is not None:
            return self._to_second_step()
        return super().get(request, *args, **options)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The password was right. The login is recorded once nothing is left to do."""
        response = super().form_valid(form)
        person = form.get_user()
        if isinstance(person, Person) and step_of(person, self.request.session) is not None:
            self.request.session[HALF] = True
            return self._to_second_step()
        _note(self.request, person.get_username(), LOG_IN)
        return response

    def _to_second_step(self) -> HttpResponse:
        wanted = self.get_redirect_url()
        url = reverse("second_step")
        return HttpResponseRedirect(f"{url}?{urlencode({'next': wanted})}" if wanted else url)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, LoginForm) and form.wait is not None:
            response.status_code = 429
            response.headers["Retry-After"] = str(math.ceil(form.wait.total_seconds()))
        return response


class Logout(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        name = request.user.get_username()
        open_case_of(request)  # while it is known who that is: the entry belongs to it
        response = super().post(request, *args, **options)
        if name:
            _note(request, name, LOG_OUT)
        return response

    def get_default_redirect_url(self) -> str:
        return resolve_url("signed_out") if leaving.left(self.request) else super().get_default_redirect_url()


def _note(request: HttpRequest, name: str, action: Action) -> None:
    noted(page_actor(name), action.name, account(name), {"address": client_address(request) or None})


def _record_failure(attempt: login_limit.Attempt, address: str) -> None:
    """On the audit record: whose account, from where, and what a limit does from now on; never what was typed."""
    if not login_limit.goes_on_record(attempt):
        note_refusal(NOBODY, account(NO_ACCOUNT), LOG_IN.name, reason="more failed logins", address=address or None)
        return
    details = {"address": address or None, **limits_reached(attempt)}
    act = SAFEGUARDS.record.intended(NOBODY, LOG_IN.name, account(attempt.account or NO_ACCOUNT), details)
    SAFEGUARDS.record.ended(act, Outcome(ending=Ending.FAILED, reason="wrong name or password, or the account is not active"))


urls = [
    path("login/", Login.as_view(), name="login"),
    path("logout/", Logout.as_view(), name="logout"),
]
