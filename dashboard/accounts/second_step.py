"""The second step of a login: a code of the person's device, or enrolling one where their role needs it.

Until it is done the login is nobody's: this page alone knows whose it is.
"""

import math
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render as django_render
from django.shortcuts import resolve_url
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.command_actions import LOG_IN, account
from dashboard.accounts import enrolling
from dashboard.accounts.middleware import HalfLogin, half_login_of
from dashboard.accounts.proving import Proof, of_code
from dashboard.accounts.second_factor import DEVICE, RECOVERY, Step, codes_left, pass_by
from dashboard.auditing import noted
from dashboard.models import Person
from dashboard.privacy.by_reason import reveals

TEMPLATES = {Step.CODE: "login/code.html", Step.ENROL: "login/enrol.html"}


def second_step(request: HttpRequest) -> HttpResponse:
    """The form, and what was filled in. Whoever has nothing to do here is led to the login page, or to where they wanted."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    half = half_login_of(request)
    if half is None:
        return HttpResponseRedirect(_wanted(request) if request.user.is_authenticated else reverse("login"))
    if not settings.LOCAL_LOGIN:  # since the password was given, this installation has stopped taking any
        logout(request)
        return HttpResponseRedirect(reverse("login"))
    if request.method != "POST":
        return _form(request, half)
    return _code(request, half) if half.step is Step.CODE else _enrolment(request, half)


def _code(request: HttpRequest, half: HalfLogin) -> HttpResponse:
    proof = of_code(request, half.person, request.POST.get("code", ""))
    if proof.problem:
        return _unproven(request, half, proof)
    let_through(request, half.person, proof.what)
    left = {"recovery_codes_left": codes_left(half.person)} if proof.what == RECOVERY else {}
    _record(request, half.person, {"second_factor": proof.what, **left})
    return HttpResponseRedirect(_wanted(request))


def _enrolment(request: HttpRequest, half: HalfLogin) -> HttpResponse:
    codes = enrolling.enrolled(request, half.person, request.POST.get("code", ""))
    if isinstance(codes, Proof):
        return _unproven(request, half, codes)
    let_through(request, half.person, DEVICE)
    _record(request, half.person, {"second_factor": "set up"})
    return enrolling.codes_page(request, codes, leads_to=_wanted(request))


def _unproven(request: HttpRequest, half: HalfLogin, proof: Proof) -> HttpResponse:
    response = _form(request, half, proof.problem)
    if proof.wait is not None:
        response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        response["Retry-After"] = str(math.ceil(proof.wait.total_seconds()))
    return response


def let_through(request: HttpRequest, person: Person, how: str) -> None:
    """This login has passed the second factor. Its session gets another key, and what was revealed to it ends."""
    reveals.end_of_login(request.session.session_key)
    pass_by(request.session, how)
    request.session.cycle_key()
    rotate_token(request)
    request.user = person


def _form(request: HttpRequest, half: HalfLogin, problem: str = "") -> HttpResponse:
    context: dict[str, Any] = {"person": half.person, "next": _next(request), "problem": problem}
    if half.step is Step.ENROL:
        context |= enrolling.shown(request, half.person)
    return django_render(request, TEMPLATES[half.step], context)


def _next(request: HttpRequest) -> str:
    """Where they wanted to go, if it is a page of ours."""
    wanted = (request.POST if request.method == "POST" else request.GET).get("next", "")
    here = {request.get_host()}
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=here, require_https=request.is_secure())
    return wanted if ours else ""


def _wanted(request: HttpRequest) -> str:
    return _next(request) or resolve_url(settings.LOGIN_REDIRECT_URL)


def _record(request: HttpRequest, person: Person, details: dict[str, object]) -> None:
    said = {"address": client_address(request) or None, **details}
    noted(page_actor(person.username), LOG_IN.name, account(person.username), said)


urls = [path("login/second-step/", second_step, name="second_step")]
