"""The way to the provider and back, and the page after a logout. All three are open to those without a login."""

import secrets
from collections.abc import Callable
from functools import wraps
from typing import cast

from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import path

from dashboard.access import login_limit
from dashboard.access.client_address import client_address
from dashboard.setup.sign_in import Provider
from dashboard.signin import answers
from dashboard.signin.allauth_adapter import DeskOAuth2Adapter, provider_for
from dashboard.signin.arriving import own_path
from dashboard.signin.provider import Away, Unusable, asking, provider

View = Callable[[HttpRequest], HttpResponse]
ProviderView = Callable[[HttpRequest, Provider], HttpResponse]


def _with_provider(*methods: str) -> Callable[[ProviderView], View]:
    """Decorate a view for these methods. Where people do not sign in by a provider, there is no such page."""

    def decorate(view: ProviderView) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            by = provider()
            if by is None:
                raise Http404
            return view(request, by) if request.method in methods else HttpResponseNotAllowed(methods)

        return guarded

    return decorate


@_with_provider("POST")
def begin(request: HttpRequest, by: Provider) -> HttpResponse:
    """Lead the browser to the provider, with a state, a nonce and PKCE's challenge of this very sign-in.

    By a ``Refresh`` and not by a redirect: Chromium holds every redirect that follows a form against the policy's
    ``form-action``, also those that the provider makes to others, which nobody here knows.
    """
    wanted = own_path(request, request.POST.get("next"))
    if request.user.is_authenticated:
        return HttpResponseRedirect(wanted or resolve_url("overview"))
    attempt = login_limit.begin_from(client_address(request))
    if isinstance(attempt, login_limit.Refused):
        return answers.too_many(request, attempt.wait)
    nonce = secrets.token_urlsafe(32)
    try:
        way = provider_for(request).redirect(
            request, "login", next_url=wanted, nonce=nonce, attempt=list(attempt.rows), auth_params={"nonce": nonce}
        )
    except (Away, Unusable) as error:
        login_limit.take_back(attempt.rows)
        return answers.failed(request, cancelled=False, cause=error)
    response = render(request, "signin/leaving.html", {"name": by.name, "url": way.url})
    response["Refresh"] = f"0; url={way.url}"
    return response


@_with_provider("GET")
def come_back(request: HttpRequest, by: Provider) -> HttpResponse:
    """The provider has sent the browser back, with a code or an error."""
    view = OAuth2CallbackView.adapter_view(DeskOAuth2Adapter(request, provider_for(request).app.provider_id))
    try:
        return cast(HttpResponse, view(request))
    except (Away, Unusable) as error:
        return answers.failed(request, cancelled=False, cause=error)


@_with_provider("GET", "HEAD")
def signed_out(request: HttpRequest, by: Provider) -> HttpResponse:
    """After a logout: the session at the provider may go on, and whoever uses the browser next would be let in by it."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(resolve_url("login"))
    return answers.answer(
        request,
        title="Logged out",
        text=f"You are logged out here. You may still be signed in at {by.name}.",
        again=True,
        end_session=asking(by).end_session_url(request.build_absolute_uri(resolve_url("login"))),
    )


urls = [
    path("sign-in/", begin, name="sign_in"),
    path("sign-in/callback/", come_back, name="sign_in_callback"),
    path("signed-out/", signed_out, name="signed_out"),
]
