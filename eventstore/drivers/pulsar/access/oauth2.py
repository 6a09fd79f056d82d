"""Tokens from an OAuth2 issuer, by client credentials (RFC 6749, section 4.4).

The binary client and the admin API get the same token. The client of Pulsar could ask for one itself, but only for its own
connections, with the system's authorities alone, and it would write what an issuer answers into its log.
"""

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from eventstore.drivers.pulsar.access.files import read_secret, stamp_of
from eventstore.drivers.pulsar.access.jwt import end_of
from eventstore.drivers.pulsar.access.tls import Tls, TlsFiles
from eventstore.model.errors import NotLetIn, NotTrusted

KEY_FILE, ISSUER, TRUST = "PULSAR_OAUTH2_KEY_FILE", "PULSAR_OAUTH2_ISSUER_URL", "PULSAR_OAUTH2_TRUST_CERTS"
TIMEOUT = httpx.Timeout(4.0, connect=2.0)
USED = 0.7
"""A token is renewed after this part of its time, while it still serves: so a slow issuer does not matter."""
LAST_SECOND = 1.0
"""So long before its end a token counts as ended: it names whole seconds, and the broker's are not ours."""
UNTOLD_SECONDS = 300.0
"""How long a token is used that does not say when it ends."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until an issuer is asked again after a failure: at first, and in the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OAuth2Settings:
    """``key_file``: JSON with ``client_id`` and ``client_secret``, as Pulsar's own clients take it. ``trust_certs``: the
    authorities (PEM) of the issuer, if not those of the system."""

    issuer_url: str
    key_file: str
    audience: str = ""
    scope: str = ""
    trust_certs: str = ""


class _Secret(msgspec.Struct):
    """What a report of an error, which may show variables, shows without its content."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Key(_Secret):
    client_id: str
    client_secret: str


class _Discovered(msgspec.Struct):
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str] = []


class _Granted(_Secret):
    access_token: str
    expires_in: float | None = None


class _Refused(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """A token. ``renew_at`` and ``ends_at`` are monotonic seconds; ``stamp`` is of the files that it was got with."""

    token: str
    renew_at: float
    ends_at: float
    stamp: object

    def __repr__(self) -> str:
        return "_Held()"


class IssuedToken:
    """The token in force. Thread-safe: one thread at a time asks the issuer. While a token is valid that is a thread of its
    own, since whoever wants one may be the client's only thread for all of its connections."""

    def __init__(self, settings: OAuth2Settings) -> None:
        self._settings, self._tls = settings, Tls(TlsFiles(trust_certs=settings.trust_certs))
        self._lock, self._process = threading.Lock(), os.getpid()
        self._held: _Held | None = None
        self._failed: tuple[NotLetIn | NotTrusted, object, float] | None = None
        self._pause = FIRST_PAUSE

    def stamp(self) -> object:
        return stamp_of(self._settings.key_file), self._tls.stamp()

    def at_hand(self) -> str:
        """Return the token that was got last, perhaps ended; empty if there is none."""
        return held.token if (held := self._held) is not None else ""

    def get(self) -> str:
        """Return a token. Raises ``NotLetIn`` or ``NotTrusted`` if none is to be had now."""
        if self._process != os.getpid():  # a forked child may have its parent's lock while a thread held it
            self._lock, self._process = threading.Lock(), os.getpid()
        stamp, held = self.stamp(), self._valid()
        if held is not None and held.stamp == stamp and time.monotonic() < held.renew_at:
            return held.token
        if held is not None:
            self._renew_beside(stamp)
            return held.token
        with self._lock:
            return self._renewed(stamp)

    def _renew_beside(self, stamp: object) -> None:
        """Begin to renew it in a thread of its own, unless one does, or the issuer is not to be asked yet."""
        if self._waits(stamp) is not None or not self._lock.acquire(blocking=False):
            return
        lock = self._lock

        def renew() -> None:
            try:
                with suppress(NotLetIn, NotTrusted):  # noted, and told once the held one has ended
                    self._renewed(stamp)
            finally:
                lock.release()

        try:
            threading.Thread(target=renew, name="oauth2", daemon=True).start()
        except RuntimeError:  # the process ends
            lock.release()

    def forget(self, token: str) -> None:
        """The broker does not take this one: ask for another the next time."""
        held = self._held
        if held is not None and held.token == token:
            self._held = None

    def _waits(self, stamp: object) -> NotLetIn | NotTrusted | None:
        """Return why the issuer is not asked now, if it has failed a moment ago with the same files."""
        failed = self._failed
        return failed[0] if failed is not None and failed[1] == stamp and time.monotonic() < failed[2] else None

    def _valid(self) -> _Held | None:
        held = self._held
        return held if held is not None and time.monotonic() < held.ends_at else None

    def _renewed(self, stamp: object) -> str:
        held = self._valid()
        if held is not None and held.stamp == stamp and time.monotonic() < held.renew_at:
            return held.token  # another thread was quicker
        if (waits := self._waits(stamp)) is not None:
            raise type(waits)(*waits.args)
        try:
            held = self._ask(stamp)
        except (NotLetIn, NotTrusted) as error:
            self._failed = (error, stamp, time.monotonic() + self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise
        self._held, self._failed, self._pause = held, None, FIRST_PAUSE
        return held.token

    def _ask(self, stamp: object) -> _Held:
        key = _parsed(read_secret(self._settings.key_file, KEY_FILE).encode(), _Key)
        if key is None:
            raise NotLetIn(f"The file of {KEY_FILE} is not JSON with client_id and client_secret.")
        begun = time.monotonic()
        try:
            with httpx.Client(verify=self._tls.context(), timeout=TIMEOUT, trust_env=False) as http:
                granted = self._granted(http, key)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._not_asked(error) from None
        lasts = granted.expires_in
        if lasts is None or not isfinite(lasts):
            end = end_of(granted.access_token)
            lasts = end.timestamp() - time.time() if end else inf
        used = UNTOLD_SECONDS if lasts == inf else USED * lasts
        return _Held(granted.access_token, begun + used, begun + lasts - min(LAST_SECOND, 0.2 * lasts), stamp)

    def _granted(self, http: httpx.Client, key: _Key) -> _Granted:
        issuer = self._settings.issuer_url.rstrip("/")
        known = _parsed(http.get(f"{issuer}/.well-known/openid-configuration").content, _Discovered)
        if known is None or not _as_safe(known.token_endpoint, issuer):
            raise NotLetIn(f"What answers at {ISSUER} tells no address for tokens, so the broker does not let Eventdesk in.")
        form: dict[str, Any] = {"grant_type": "client_credentials"}
        form |= {name: text for name in ("audience", "scope") if (text := getattr(self._settings, name))}
        methods = known.token_endpoint_auth_methods_supported
        if "client_secret_basic" in methods and "client_secret_post" not in methods:
            http.auth = httpx.BasicAuth(key.client_id, key.client_secret)
        else:
            form |= {"client_id": key.client_id, "client_secret": key.client_secret}
        answer = http.post(known.token_endpoint, data=form)
        if not answer.is_success:
            raise NotLetIn(_refusal(answer))
        # some issuers write the seconds as text
        granted: _Granted | None = _parsed(answer.content, _Granted, strict=False)
        if granted is None:
            raise NotLetIn(
                f"What answers at {ISSUER} gives no token that can be read, so the broker does not let Eventdesk in."
            )
        return granted

    def _not_asked(self, error: Exception) -> NotLetIn | NotTrusted:
        where = httpx.URL(self._settings.issuer_url).netloc.decode()
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return NotTrusted(
                f"What answers at {where} does not prove that it is the issuer of tokens, so nothing is sent to it. "
                f"Check {ISSUER} and {TRUST}."
            )
        return NotLetIn(f"The issuer of tokens at {where} does not answer, so the broker does not let Eventdesk in.")


def _refusal(answer: httpx.Response) -> str:
    """Return what the issuer's answer says. Its own description is left out, since it may quote what was sent."""
    refused = _parsed(answer.content, _Refused) or _Refused()
    code = refused.error if refused.error.replace("_", "").isalpha() and len(refused.error) < 40 else "no reason"
    return (
        f"The issuer of tokens does not give Eventdesk one ({answer.status_code}, {code}), so the broker does not let it in. "
        f"Check the file of {KEY_FILE}, and the client's audience and scope."
    )


def _parsed(content: bytes, kind: type[Any], *, strict: bool = True) -> Any:
    try:
        return msgspec.json.decode(content, type=kind, strict=strict)
    except (msgspec.DecodeError, ValueError):
        return None


def _as_safe(endpoint: str, issuer: str) -> bool:
    """Whether the secret goes to this address as safely as to the issuer's."""
    try:
        scheme, host = urlsplit(endpoint)[:2]
    except ValueError:
        return False
    return bool(host) and (scheme == "https" or (scheme == "http" and urlsplit(issuer).scheme == "http"))
