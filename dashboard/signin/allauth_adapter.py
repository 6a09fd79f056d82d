"""What django-allauth asks of us: which provider there is, how the code is exchanged, and what follows when somebody is known.

allauth keeps the state of a sign-in (in the session, taken once, for ten minutes) and PKCE's verifier. What is sent to the
provider and what is believed of it is ours, and none of allauth's pages is shown.
"""

from dataclasses import dataclass
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, ProviderException
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest
from django.urls import reverse

from dashboard.signin import arriving
from dashboard.signin.accounts import provider_id
from dashboard.signin.answers import failed
from dashboard.signin.id_tokens import claims_of, subject_in
from dashboard.signin.provider import Asking, Away, Json, Refused, Tokens, Unusable, asking, provider, tokens_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What the provider has said: an ID token not looked at yet, and the claims of now."""

    id_token: object
    claims: Json
    tokens: Tokens


class DeskOAuth2Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The exchange with the provider. Everything is asked by ``Asking``, within its bounds."""

    @property
    def openid_config(self) -> Json:
        return _asking().metadata()

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return callback_url(request)

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: str | None = None
    ) -> Json:
        """The token endpoint's answer. Raises ``ProviderException``, whose cause says what was wrong."""
        code, verifier = request.GET["code"], pkce_code_verifier or ""
        try:
            return _asking().exchanged(code=code, verifier=verifier, redirect_uri=callback_url(request))
        except (Away, Refused, Unusable) as error:
            raise ProviderException from error

    def parse_token(self, data: Json) -> Any:
        """allauth's own object, which nothing reads here."""
        return super().parse_token({"access_token": str(data.get("access_token"))})

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        response: Json = kwargs["response"]
        try:
            tokens = tokens_of(response)
            claims = _asking().userinfo(tokens.access)
            login = self.get_provider().sociallogin_from_response(request, {"userinfo": {"sub": subject_in(claims)}})
        except (Away, Refused, Unusable) as error:
            raise ProviderException from error
        login.answers = Answers(id_token=response.get("id_token"), claims=claims, tokens=tokens)
        return login


class DeskProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The one provider of this installation. Nothing that a request says changes what is asked of it."""

    oauth2_adapter_class = DeskOAuth2Adapter

    def extract_extra_data(self, data: Json) -> Json:
        """What the provider tells of a person is not kept."""
        return {}


class DeskSocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's hooks."""

    def get_provider(self, request: HttpRequest, provider: object = None, client_id: object = None) -> DeskProvider:
        return provider_for(request)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Always with a page of ours. Nothing of what came is shown or logged."""
        cause = exception.__cause__ if isinstance(exception, ProviderException) else exception
        raise ImmediateHttpResponse(failed(request, cancelled=error == AuthError.CANCELLED, cause=cause))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The end of a sign-in, in place of what allauth would do: log in, or refuse."""
        found: Answers = sociallogin.answers
        state = sociallogin.state
        try:
            by_token = claims_of(found.id_token, asking=_asking(), nonce=str(state.get("nonce", "")))
            if by_token["sub"] != found.claims["sub"]:
                raise Unusable("its ID token and its userinfo are of two people")
        except (Away, Refused, Unusable) as error:
            raise ProviderException from error
        raise ImmediateHttpResponse(arriving.arrive(request, found.claims, found.tokens, by_token, state))


def provider_for(request: HttpRequest) -> DeskProvider:
    by = provider()
    assert by is not None
    app = SocialApp(
        provider=DeskProvider.id,
        provider_id=provider_id(by.issuer),
        name=by.name,
        client_id=by.client_id,
        settings={"server_url": by.metadata_url, "oauth_pkce_enabled": True, "scope": list(by.scopes)},
    )
    return DeskProvider(request, app=app)


def _asking() -> Asking:
    by = provider()
    assert by is not None  # the views answer 404 without
    return asking(by)


def callback_url(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("sign_in_callback"))
