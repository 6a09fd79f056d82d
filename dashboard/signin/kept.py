"""What is kept of a login by the provider: a row, found by a random text in the session, with the tokens encrypted."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db.models import Q

from dashboard.models import Person, ProviderLogin
from dashboard.signin.provider import Away, Tokens

IN_SESSION = "signed_in_by"
"""Under which key a session holds the random text."""
NOTED_EVERY = timedelta(seconds=5)
REFRESH_WITHIN = timedelta(seconds=20)
"""How long one request may take to refresh the tokens, until another tries: longer than the slowest answer that is taken."""


def begin(session: Any, person: Person, *, issuer: str, subject: str, tokens: Tokens) -> None:
    """Keep a login that begins now; those that are older than any session gets are removed."""
    now = datetime.now(UTC)
    ProviderLogin.objects.filter(begun__lt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE, minutes=5)).delete()
    text = secrets.token_urlsafe(32)
    ProviderLogin.objects.create(
        key=_key_of(text),
        person=person,
        issuer=issuer,
        subject=subject,
        tokens=_encrypted(text, tokens),
        begun=now,
        asked=now,
    )
    session[IN_SESSION] = text


def text_of(session: Mapping[str, Any] | Any) -> str:
    """The session's random text; empty for a login by a password, and for none."""
    return str(session.get(IN_SESSION, ""))


def find(text: str) -> ProviderLogin | None:
    return ProviderLogin.objects.select_related("person").filter(key=_key_of(text)).first()


def forget(text: str) -> None:
    ProviderLogin.objects.filter(key=_key_of(text)).delete()


def tokens_in(login: ProviderLogin, text: str) -> Tokens | None:
    """``None`` where they cannot be read any more: the secret key has changed."""
    try:
        return Tokens(**json.loads(_cipher(text).decrypt(login.tokens.encode())))
    except InvalidToken:
        return None


def note_answer(login: ProviderLogin, *, exactly: bool) -> None:
    """The provider has answered now. Not written each time, unless ``exactly``."""
    now = datetime.now(UTC)
    if exactly or now - login.asked > NOTED_EVERY:
        ProviderLogin.objects.filter(pk=login.pk).update(asked=now)
    login.asked = now


def forget_answer(login: ProviderLogin) -> None:
    """The provider has refused: its last answer counts no more, and it is asked again by whoever needs to know."""
    ProviderLogin.objects.filter(pk=login.pk).update(asked=login.begun - timedelta(days=1_000))


def refreshed(login: ProviderLogin, text: str, tokens: Tokens, refresh: Callable[[Tokens], Tokens]) -> Tokens:
    """Other tokens in place of these: got by ``refresh``, or by another request that was first, which this one waits for.

    A provider may take a refresh token once, and end the login if it comes twice. Raises what ``refresh`` raises, and ``Away``
    where the other request got nothing.
    """
    now, mine = datetime.now(UTC), ProviderLogin.objects.filter(pk=login.pk, tokens=login.tokens)
    if not mine.filter(Q(busy_until=None) | Q(busy_until__lt=now)).update(busy_until=now + REFRESH_WITHIN):
        return _of_another_request(login, text)
    try:
        found = refresh(tokens)
    except BaseException:
        mine.update(busy_until=None)
        raise
    login.tokens = _encrypted(text, found)
    ProviderLogin.objects.filter(pk=login.pk).update(tokens=login.tokens, busy_until=None)
    return found


def _of_another_request(login: ProviderLogin, text: str) -> Tokens:
    latest = time.monotonic() + REFRESH_WITHIN.total_seconds()
    while time.monotonic() < latest:
        current = ProviderLogin.objects.filter(pk=login.pk).first()
        if current is not None and current.tokens != login.tokens:
            login.tokens = current.tokens
            found = tokens_in(current, text)
            if found is not None:
                return found
        if current is None or current.busy_until is None:
            break
        time.sleep(0.05)
    raise Away("another request of this login got no tokens")


def _key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _encrypted(text: str, tokens: Tokens) -> str:
    return _cipher(text).encrypt(json.dumps(asdict(tokens)).encode()).decode()


def _cipher(text: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=text.encode(), info=b"eventdesk provider tokens")
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))
