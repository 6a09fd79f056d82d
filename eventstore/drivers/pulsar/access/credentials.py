"""Who Eventdesk is to the broker, for the binary client and for the admin API alike.

What is read from files is read again when they change, and what has been refused is not offered again and again: after a
refusal one call at a time tries, after longer and longer pauses, or as soon as a file has changed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pulsar

from eventstore.drivers.pulsar.access.files import Fresh, read_secret
from eventstore.drivers.pulsar.access.jwt import end_of, holder_of
from eventstore.drivers.pulsar.access.oauth2 import IssuedToken, OAuth2Settings
from eventstore.drivers.pulsar.access.tls import CERTIFICATE, KEY, Tls, TlsFiles
from eventstore.model.errors import NotLetIn, NotTrusted, StoreUnreachable

TOKEN, TOKEN_FILE = "PULSAR_TOKEN", "PULSAR_TOKEN_FILE"
METHOD = "X-Pulsar-Auth-Method-Name"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds until a broker that has refused the credentials is asked again: at first, and in the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessSettings:
    """One of ``token``, ``token_file`` and ``oauth2``, or none; ``tls`` alone also says who Eventdesk is, if it has a
    certificate."""

    token: str = field(default="", repr=False)
    token_file: str = ""
    oauth2: OAuth2Settings | None = None
    tls: TlsFiles = field(default_factory=TlsFiles)


NO_ACCESS_SETTINGS = AccessSettings()


class Headers(dict[str, str]):
    """Headers that a report of an error, which may show variables, shows without their values."""

    def __repr__(self) -> str:
        return f"Headers of {', '.join(self)}"


@dataclass(frozen=True, slots=True)
class Offered:
    """What the broker is shown: the token (empty if there is none), and the ``stamp`` of the files before they were read."""

    token: str = field(repr=False)
    stamp: object

    def headers(self) -> Headers:
        """Return what a request to the admin API needs.

        It says that the token counts: to a broker that takes certificates too, whoever comes with a token that has ended would
        otherwise be whom the certificate of the connection names, with other permissions (seen on 4.0.8 and 4.2.4).
        """
        return Headers({"Authorization": f"Bearer {self.token}", METHOD: "token"} if self.token else {})


class Credentials:
    """Thread-safe. No text that it makes contains a token or a key."""

    def __init__(self, settings: AccessSettings = NO_ACCESS_SETTINGS) -> None:
        self._settings, self.tls = settings, Tls(settings.tls)
        path = settings.token_file
        self._file = Fresh((path,), lambda: read_secret(path, TOKEN_FILE)) if path else None
        self._issued = IssuedToken(settings.oauth2) if settings.oauth2 else None
        self._lock = threading.Lock()
        self._refusal: tuple[NotLetIn, object, float] | None = None
        self._pause = FIRST_PAUSE
        self._last: Offered | None = None
        """What the binary client was given last. It does not say what the broker refused."""

    def __repr__(self) -> str:
        return "Credentials()"

    @property
    def has_token(self) -> bool:
        return bool(self._settings.token or self._file or self._issued)

    def token(self) -> str:
        """Return the token as it is now; empty if Eventdesk has none. Raises ``NotLetIn`` or ``NotTrusted``."""
        if self._issued is not None:
            return self._issued.get()
        return self._file.get() if self._file is not None else self._settings.token

    def offer(self) -> Offered:
        """Return what to show the broker now. Raises as ``token``."""
        stamp = self._stamp()  # before the files are read: a file that changes meanwhile has not been refused
        return Offered(self.token(), stamp)

    def headers(self) -> Mapping[str, str]:
        """Return what a request to the admin API needs. Raises as ``token``."""
        return self.offer().headers()

    def authentication(self, may_connect: Callable[[], bool] | None = None) -> Any:
        """Return what the binary client takes. It asks for the token at each connection, and when the broker asks for one.

        With ``may_connect``, it fails once that returns false; a client that shows a certificate alone asks nothing.
        """
        if not self.has_token and self.tls.files.certificate:
            return pulsar.AuthenticationTLS(self.tls.files.certificate, self.tls.files.key or self.tls.files.certificate)
        if not self.has_token and may_connect is None:
            return None

        def token() -> str:
            if may_connect is not None and not may_connect():
                raise ConnectionRefusedError("this client must not connect again")
            self._last = offered = self.offer()
            return offered.token

        return pulsar.AuthenticationToken(token)

    def holder(self) -> str:
        """Return whom the credentials name, in brackets for a sentence; empty if they name nobody."""
        return self._holder(self._at_hand())

    def _holder(self, offered: Offered) -> str:
        name = holder_of(offered.token) if self.has_token else getattr(self.tls.shown(), "holder", "")
        return f" ({name})" if name else ""

    def _at_hand(self) -> Offered:
        """Return what would be offered now, without a question to the issuer."""
        stamp = self._stamp()
        try:
            return Offered(self._issued.at_hand() if self._issued is not None else self.token(), stamp)
        except StoreUnreachable:
            return Offered("", stamp)

    # -- what the broker made of them

    @property
    def in_doubt(self) -> bool:
        """Whether the broker has refused them, and has not been seen to take them since."""
        return self._refusal is not None

    def check(self) -> None:
        """Raise ``NotLetIn`` if the broker has refused them lately, and no file has changed since."""
        if self._refusal is None:
            return
        with self._lock:
            if self._refusal is None:
                return
            error, stamp, until = self._refusal
            if stamp != self._stamp():
                self._refusal, self._pause = None, FIRST_PAUSE
            elif time.monotonic() < until:
                raise NotLetIn(*error.args)
            else:  # this call tries, and meanwhile no other one
                self._refusal = (error, stamp, time.monotonic() + self._pause)

    def unusable(self) -> NotLetIn | NotTrusted | None:
        """Return the error if there is nothing to show the broker: a file cannot be read, or the issuer gives no token."""
        try:
            self.token()
            self.tls.context()
        except (NotLetIn, NotTrusted) as error:
            return error
        return None

    def accepted(self) -> None:
        """Note that the broker knows who Eventdesk is."""
        if self._refusal is not None:
            with self._lock:
                self._refusal, self._pause = None, FIRST_PAUSE

    def refused(self, where: str, offered: Offered | None = None, *, with_password: bool = False) -> NotLetIn:
        """Note that the broker does not take what it was shown, and return the error to raise.

        ``offered``: if not known, what the binary client was given last, or what is at hand. ``with_password``: the broker's
        address has one.
        """
        shown = offered or self._last or self._at_hand()
        why = "check the user name and password in PULSAR_ADMIN_URL." if with_password else self._why_refused(shown)
        error = NotLetIn(f"The broker at {where} does not let Eventdesk in: {why}")
        if self._issued is not None:
            self._issued.forget(shown.token)
        with self._lock:
            self._refusal = (error, shown.stamp, time.monotonic() + self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return error

    def ended(self, where: str) -> NotLetIn | None:
        """Return the error if they have ended by this machine's clock."""
        try:
            now = self.offer()
        except StoreUnreachable:
            return None
        return self.refused(where, now) if (end := self._end(now)) is not None and end <= datetime.now(UTC) else None

    def _why_refused(self, offered: Offered) -> str:
        what, files = self._what()
        if not what:
            return f"it asks for a token or a certificate. Give one with {TOKEN_FILE}, or {CERTIFICATE} and {KEY}."
        end = self._end(offered)
        if end is not None and end <= datetime.now(UTC):
            mend = "The next one is asked for" if self._issued is not None else f"Put a new one in place: {files}"
            return f"the {what}{self._holder(offered)} ended on {end:%Y-%m-%d at %H:%M:%S} UTC. {mend}."
        return f"it does not accept the {what}{self._holder(offered)}. Check {files}."

    def _what(self) -> tuple[str, str]:
        """Return what they are, and where they come from."""
        if self._issued is not None:
            return "token", "the issuer and the audience in PULSAR_OAUTH2_…"
        if self.has_token:
            return "token", TOKEN_FILE if self._file is not None else f"{TOKEN}, with a restart"
        return ("certificate", f"{CERTIFICATE} and {KEY}") if self.tls.files.certificate else ("", "")

    def _end(self, offered: Offered) -> datetime | None:
        return end_of(offered.token) if self.has_token else getattr(self.tls.shown(), "ends", None)

    def _stamp(self) -> object:
        source = self._issued or self._file
        return source.stamp() if source is not None else None, self.tls.stamp()
