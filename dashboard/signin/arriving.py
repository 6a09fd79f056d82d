"""The end of a sign-in: somebody whom the provider knows is logged in here, or refused."""

from collections.abc import Mapping
from typing import Any

from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.access import login_limit
from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.command_actions import LOG_IN, account
from dashboard.auditing import noted
from dashboard.models import Person, Role
from dashboard.setup.sign_in import Provider
from dashboard.signin import accounts, answers, kept
from dashboard.signin.groups import groups_in, role_of
from dashboard.signin.provider import Json, Tokens, log, provider

BACKEND = "django.contrib.auth.backends.ModelBackend"


def arrive(request: HttpRequest, claims: Json, tokens: Tokens, by_token: Json, state: Mapping[str, Any]) -> HttpResponse:
    """Log in the person of these claims, whose ID token was checked. ``state`` is what the sign-in began with."""
    by = provider()
    assert by is not None
    login_limit.take_back([row for row in state.get("attempt", ()) if isinstance(row, int)])
    groups, actor = groups_in(claims, by.groups_claim), accounts.actor_of(by.name)
    person = accounts.find(by.issuer, claims["sub"])
    if role_of(groups) == Role.OUTSIDER:
        if not groups and groups_in(by_token, by.groups_claim):
            log.error("%s has the groups in the ID token alone: let it put them into userinfo.", by.name)
        if person is not None:
            accounts.settle(person, groups, actor)
        answers.note(request, "none of the person's groups gives a role", accounts.name_in(claims))
        return answers.no_role(request)
    if person is None:
        person = accounts.find_or_make(by.issuer, claims["sub"], claims, actor)
    if not person.is_active:
        answers.note(request, "the account is disabled", accounts.name_in(claims))
        return answers.disabled(request)
    accounts.settle(person, groups, actor)
    _log_in(request, person, by, claims["sub"], tokens)
    return HttpResponseRedirect(own_path(request, state.get("next")) or resolve_url("overview"))


def _log_in(request: HttpRequest, person: Person, by: Provider, subject: str, tokens: Tokens) -> None:
    if request.user.is_authenticated:
        auth.logout(request)  # what was revealed to the login of before ends with it
    details = {"address": client_address(request) or None, "by": by.name}
    try:
        auth.login(request, person, backend=BACKEND)
        request.session.cycle_key()  # Django keeps the key of a login of this person that was not whole
        kept.begin(request.session, person, issuer=by.issuer, subject=subject, tokens=tokens)
        noted(page_actor(person.username), LOG_IN.name, account(person.username), details)
    except BaseException:  # half of it would let somebody in of whom the provider is never asked
        request.session.flush()
        raise


def own_path(request: HttpRequest, url: object) -> str:
    """The address, if it is a path of this installation; otherwise empty."""
    if not isinstance(url, str) or not url.startswith("/"):
        return ""
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None, require_https=request.is_secure()) else ""
