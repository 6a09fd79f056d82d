"""The pages of API tokens, for admins: all there are, making one, which is shown once, and revoking one."""

from datetime import UTC, datetime

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access import tokens
from dashboard.access.command_actions import MAKE_TOKEN, REVOKE_TOKEN, api_token
from dashboard.access.scopes import scope_of
from dashboard.accounts.token_forms import ROLES, TokenForm
from dashboard.auditing.reasons import LONGEST_REASON, ReasonForm
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import ApiToken, Purpose, Role
from dashboard.web.pages import actor_of, page, person_of, render
from eventstore.actions import perform

DAYS = 90
"""How long a token lasts if nothing else is given."""


@page("manage_tokens")
def index(request: HttpRequest) -> HttpResponse:
    """Those in force first, then the others, each by name."""
    now = datetime.now(UTC)
    lines = [(token, token.in_force(now)) for token in tokens.every()]
    return render(request, "tokens/index.html", {"lines": sorted(lines, key=lambda line: not line[1])})


@page(MAKE_TOKEN.name)
def new(request: HttpRequest) -> HttpResponse:
    return _form(request, TokenForm())


@page(MAKE_TOKEN.name, methods=("POST",))
def create(request: HttpRequest) -> HttpResponse:
    """Make it, and show its text on this page alone."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    given, limits = form.cleaned_data, form.narrowed
    if problem := tokens.why_not_by(scope_of(person_of(request)), Role(given["role"]), limits):
        form.add_error("topics", problem)
        return _form(request, form, status=422)
    details = {"role": given["role"], "days": given["days"], **limits.details(), "reason": given["reason"]}
    try:
        with perform(SAFEGUARDS, actor_of(request), MAKE_TOKEN, api_token(given["name"]), details):
            token, text = tokens.make(given["name"], Role(given["role"]), given["days"], limits)
    except IntegrityError:  # another of this name was made meanwhile
        form.add_error("name", "There is a token of this name already.")
        return _form(request, form, status=409)
    return render(request, "tokens/made.html", {"token": token, "text": text, "sees_nothing": scope_of(token).has_no_topic})


@page(REVOKE_TOKEN.name)
def revocation(request: HttpRequest, id: int) -> HttpResponse:
    return _ask(request, _in_force(id), ReasonForm())


@page(REVOKE_TOKEN.name, methods=("POST",))
def revoke(request: HttpRequest, id: int) -> HttpResponse:
    token = _in_force(id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _ask(request, token, form, status=422)
    details = {"reason": form.cleaned_data["reason"]}
    with perform(SAFEGUARDS, actor_of(request), REVOKE_TOKEN, api_token(token.name), details):
        tokens.revoke(token.name)
    messages.success(request, f"{token.name} is revoked. What it had open is closed.")
    return HttpResponseRedirect(reverse("tokens"))


def _in_force(id: int) -> ApiToken:
    token = ApiToken.objects.filter(pk=id).first()
    if token is None or not token.in_force(datetime.now(UTC)):
        raise Http404
    return token


def _ask(request: HttpRequest, token: ApiToken, form: ReasonForm, *, status: int = 200) -> HttpResponse:
    context = {"token": token, "form": form, "longest_reason": LONGEST_REASON}
    return render(request, "tokens/revoke.html", context, status=status)


def _form(request: HttpRequest, form: TokenForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "given": {name: form.entered(name) for name in ("name", "topics", "aggregate_types")},
        "days": form.entered("days") or DAYS,
        "most_days": tokens.MOST_DAYS,
        "roles": ROLES,
        "chosen_role": form.entered("role") or str(Role.VIEWER),
        "purposes": Purpose.choices,
        "purpose": form.entered("purpose") or str(Purpose.TAIL),
        "longest_reason": LONGEST_REASON,
    }
    return render(request, "tokens/new.html", context, status=status)


urls = [
    path("tokens/", index, name="tokens"),
    path("tokens/new/", new, name="token_new"),
    path("tokens/makings/", create, name="token_makings"),
    path("tokens/<int:id>/revocation/", revocation, name="token_revocation"),
    path("tokens/<int:id>/revocations/", revoke, name="token_revocations"),
]
