"""What is asked of the OpenID provider: its metadata and keys, who somebody is now, and other tokens.

Answers are bounded, and nothing is followed elsewhere. A provider that did not answer is not asked again for some seconds, so
that pages do not wait for it one after the other.
"""

import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
from django.conf import settings

from dashboard.gateway import shared
from dashboard.setup.sign_in import Provider, is_safe

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(3.0)
LATEST = 5.0
"""Seconds for a whole answer."""
NOT_ASKED_FOR = 3.0
"""Seconds after a failure in which the provider counts as away, or its metadata as not usable, without being asked."""
METADATA_FOR = 600.0
LONGEST_ANSWER = 1_000_000
"""Bytes. A person may be in a thousand groups."""
Json = dict[str, Any]


class Away(Exception):
    """The provider does not answer, or with an error of its own."""


class Refused(Exception):
    """The provider does not accept the token: the login has ended there, or was never good."""


class Unusable(Exception):
    """The provider's answer is not what OpenID Connect says; the text says what is wrong, and holds nothing of the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """``ends``: when the access token does, in seconds since 1970; 0 where that is not known."""

    access: str
    refresh: str = ""
    ends: float = 0.0


class Asking:
    """How this process asks a provider. ``asking()`` is the one object for the provider of now. For any thread."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        verify = ssl.create_default_context(cafile=provider.ca_file or None)
        json = {"Accept": "application/json"}
        self._client = httpx.Client(timeout=TIMEOUT, verify=verify, follow_redirects=False, headers=json)
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._kept: dict[str, tuple[float, Json]] = {}
        self._unusable: dict[str, tuple[float, str]] = {}

    def metadata(self) -> Json:
        """Raises ``Away`` and ``Unusable``."""
        found = self._cached(self.provider.metadata_url)
        if str(found.get("issuer", "")).rstrip("/") != self.provider.issuer.rstrip("/"):
            raise Unusable("the metadata is of another issuer than EVENTDESK_OIDC_ISSUER names")
        for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
            if not is_safe(str(found.get(name, ""))):
                raise Unusable(f"the metadata names no {name} that is reached over TLS")
        return found

    def keys(self, *, anew: bool = False) -> Json:
        """The provider's public keys. ``anew``: those of before are not enough. Raises ``Away`` and ``Unusable``."""
        return self._cached(self.metadata()["jwks_uri"], anew=anew)

    def userinfo(self, access: str) -> Json:
        """What the provider says of the token's person now. Raises ``Away``, ``Refused`` and ``Unusable``."""
        url, headers = self.metadata()["userinfo_endpoint"], {"Authorization": f"Bearer {access}"}
        status, content = self._answer("GET", url, headers=headers)
        if status in (401, 403):
            raise Refused(f"status {status}")
        return _good(status, content)

    def exchanged(self, *, code: str, verifier: str, redirect_uri: str) -> Json:
        """The token endpoint's answer to a code. Raises ``Away``, ``Refused`` and ``Unusable``."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
        return self._granted(form)

    def refreshed(self, tokens: Tokens) -> Tokens:
        """Other tokens for the same login. Raises ``Away``, ``Refused`` and ``Unusable``."""
        return tokens_of(
            self._granted({"grant_type": "refresh_token", "refresh_token": tokens.refresh}), refresh=tokens.refresh
        )

    def end_session_url(self, back_to: str) -> str:
        """Where a person ends their session at the provider; empty where it has no such page, or is away."""
        try:
            url = str(self.metadata().get("end_session_endpoint", ""))
        except (Away, Unusable):
            return ""
        if not is_safe(url):
            return ""
        return f"{url}?{urlencode({'client_id': self.provider.client_id, 'post_logout_redirect_uri': back_to})}"

    def _granted(self, form: dict[str, str]) -> Json:
        metadata = self.metadata()
        status, content = self._answer("POST", metadata["token_endpoint"], **self._as_client(metadata, form))
        if status in (400, 401) and _object(content).get("error") == "invalid_grant":
            raise Refused("invalid_grant")
        return _good(status, content)

    def _as_client(self, metadata: Mapping[str, Any], form: dict[str, str]) -> dict[str, Any]:
        """The form with this installation's own name and secret, in the way that the provider takes them."""
        try:
            secret = self.provider.client_secret()
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable("the file of the client's secret cannot be read") from error
        ways = metadata.get("token_endpoint_auth_methods_supported")
        if secret and "client_secret_post" not in (ways if isinstance(ways, list) else ()):
            return {"data": form, "auth": httpx.BasicAuth(self.provider.client_id, secret)}
        own = {"client_id": self.provider.client_id, **({"client_secret": secret} if secret else {})}
        return {"data": {**form, **own}}

    def _cached(self, url: str, *, anew: bool = False) -> Json:
        kept = self._kept.get(url)
        if kept is not None and not anew and time.monotonic() < kept[0]:
            return kept[1]
        until, why = self._unusable.get(url, (0.0, ""))
        if time.monotonic() < until:
            raise Unusable(why)
        try:
            found = _good(*self._answer("GET", url))
        except Unusable as error:
            self._unusable[url] = (time.monotonic() + NOT_ASKED_FOR, str(error))
            raise
        self._kept[url] = (time.monotonic() + METADATA_FOR, found)
        return found

    def _answer(self, method: str, url: str, **options: Any) -> tuple[int, bytes]:
        if time.monotonic() < self._away_until:
            raise Away("it did not answer some seconds ago")
        with self._noting_that_it_is_away():
            status, content = self._fetch(method, url, options)
            if status >= 500 or status == 429:
                raise Away(f"status {status}")
        return status, content

    def _fetch(self, method: str, url: str, options: Mapping[str, Any]) -> tuple[int, bytes]:
        latest = time.monotonic() + LATEST
        with self._client.stream(method, url, **options) as answer:
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > LONGEST_ANSWER:
                    raise Unusable(f"it is longer than {LONGEST_ANSWER:,} bytes")
                if time.monotonic() > latest:
                    raise Away("it answers too slowly")
            return answer.status_code, content

    @contextmanager
    def _noting_that_it_is_away(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, Away) as error:  # also a port or a token that cannot be
            self._away_until = time.monotonic() + NOT_ASKED_FOR
            why = str(error) if isinstance(error, Away) else type(error).__name__
            log.warning("%s, by which people sign in, does not answer: %s", self.provider.name, why)
            raise Away(why) from error


def _good(status: int, content: bytes) -> Json:
    if status != 200:
        raise Unusable(f"status {status}")
    return _object(content)


def _object(content: bytes) -> Json:
    try:
        return msgspec.json.decode(content, type=Json)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unusable("it is not a JSON object") from error


def tokens_of(answer: Mapping[str, Any], *, refresh: str = "") -> Tokens:
    """The tokens in a token endpoint's answer; ``refresh`` is kept where it has none. Raises ``Unusable``."""
    access, lasts = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(access, str) or not access or not access.isascii():
        raise Unusable("it has no access token that can be sent")
    other = answer.get("refresh_token")
    ends = time.time() + lasts if isinstance(lasts, int | float) and lasts > 0 else 0.0
    return Tokens(access=access, refresh=other if isinstance(other, str) and other else refresh, ends=ends)


class _Current:
    """The ``Asking`` of the provider that the settings name now: tests change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: Asking | None = None

    def of(self, provider: Provider) -> Asking:
        with self._lock:
            if self._asking is None or self._asking.provider != provider:
                self._asking = Asking(provider)
            return self._asking


def provider() -> Provider | None:
    """The provider by which people sign in here, if there is one."""
    found: Provider | None = settings.SIGN_IN
    return found


def asking(of: Provider) -> Asking:
    return shared(_Current).of(of)
