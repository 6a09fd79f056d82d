"""Handles: what stands for an aggregate's id where the configuration says that the ids of its type are personal.

A handle holds the type and the id, encrypted by AES-SIV. The same aggregate always has the same handle, only this
installation's key makes or reads one, and one that was changed is not read at all. It is ``pid`` and lower-case letters and
digits: one word in an address, in a filter and under a double click. Its length tells only roughly how long the id is.
"""

import re
from base64 import b32decode, b32encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from dashboard.privacy.profiles import AccessProfile, reveals_aggregate
from eventstore.config import is_personal_type
from eventstore.model import EventStoreError

T = TypeVar("T")

LABEL = b"eventdesk: handles of personal ids"
"""Separates this key from others that are made of the same secret."""
MARK = "pid"
NOBODY = "\ufdd0"
"""Is taken for the id of an aggregate where somebody asks for one without the right: no aggregate has it."""
BLOCK = 16
"""Bytes to a multiple of which type and id are filled up."""
FILLER = b"\xff"
"""Between type and id, and behind them: a byte that UTF-8 never has."""
_HANDLE = re.compile(rf"{MARK}[a-z2-7]{{52,}}")


class Named(Protocol):
    """What has an aggregate: an event, a pointer, an ``Origin``."""

    @property
    def aggregate_type(self) -> str: ...

    @property
    def aggregate_id(self) -> str: ...


SERVER = AccessProfile(name="", sees_values=True)
"""Whoever works at the server's own shell. The keys are there, and so is the store."""


class ForeignHandle(EventStoreError):
    """The handle was changed, cut off, or made with another key."""


def is_personal(aggregate_type: str) -> bool:
    """Whether the ids of this type's aggregates are personal."""
    patterns = settings.EVENTDESK.personal_types
    return bool(patterns) and is_personal_type(aggregate_type, patterns)


def any_is_personal() -> bool:
    """Whether this installation has ids that are personal."""
    return bool(settings.EVENTDESK.personal_types)


def handle_of(aggregate_type: str, id: str) -> str:
    """The handle of this aggregate."""
    return _handle_of(aggregate_type, id, _secret())


def id_of(aggregate_type: str, handle: str) -> str:
    """The id of the aggregate of this type with this handle. Raises ``ForeignHandle``."""
    type, id = aggregate_of(handle)
    if type != aggregate_type:
        raise ForeignHandle(f"This handle is of an aggregate of another type than {aggregate_type!r}.")
    return id


def aggregate_of(handle: str) -> tuple[str, str]:
    """The type and the id that this handle stands for. Raises ``ForeignHandle``."""
    if (found := _read(handle, _secret())) is None:
        raise ForeignHandle(
            "This handle cannot be read: it was cut off when it was copied, or the key of the handles has been changed since. "
            "Search for the aggregate anew, by another id or a value that you know."
        )
    return found


def known_handle(text: str) -> tuple[str, str] | None:
    """As ``aggregate_of``; ``None`` for anything else, such as an id."""
    return _read(text, _secret()) if looks_like_handle(text) else None


def looks_like_handle(text: str) -> bool:
    """Whether the text has the form of a handle, whoever made it."""
    return text.startswith(MARK) and _HANDLE.fullmatch(text) is not None


def public_id(aggregate_type: str, id: str) -> str:
    """What stands for the aggregate in addresses, on the record and in logs, whoever reads them. A handle is left as it is."""
    patterns = settings.EVENTDESK.personal_types
    return _public_id(aggregate_type, id, patterns, _secret()) if patterns and id else id


def display_id(aggregate_type: str, id: str, profile: AccessProfile | None = None) -> str:
    """The aggregate's id as this profile may see it: the id, or its handle. Without a profile: as everybody may see it."""
    if (profile is not None and profile.sees_values) or not settings.EVENTDESK.personal_types:
        return id
    if profile is not None and sees_id(aggregate_type, id, profile):
        return id
    return public_id(aggregate_type, id)


def sees_id(aggregate_type: str, id: str, profile: AccessProfile) -> bool:
    """Whether the profile sees this id: by its standing right, or because the aggregate is revealed to it."""
    if profile.sees_values or not is_personal(aggregate_type):
        return True
    return bool(profile.reveals) and reveals_aggregate(profile, aggregate_type, id)


def may_ask_for_ids(profile: AccessProfile) -> bool:
    """Whether the profile may look up an aggregate by its personal id: by its standing right, or with an open case."""
    return profile.sees_values or profile.filters_masked


def handle_problem(text: str, aggregate_type: str = "") -> str:
    """Why this handle leads nowhere, in words; empty for one that is read, and for what is none."""
    if not looks_like_handle(text):
        return ""
    try:
        id_of(aggregate_type, text) if aggregate_type else aggregate_of(text)
    except ForeignHandle as error:
        return str(error)
    return ""


def given_id(aggregate_type: str, text: str, profile: AccessProfile) -> str:
    """The id that somebody means who gives this text for an aggregate of this type: its handle, or the id itself.

    Whoever may not ask for personal ids gets ``NOBODY``, so that whatever is looked up next answers as it does for an absent
    aggregate.
    """
    meant = known_handle(text)
    if meant is not None and meant[0] == aggregate_type:
        return meant[1]
    if not text or not is_personal(aggregate_type):
        return text
    return text if may_ask_for_ids(profile) else NOBODY


def without_own_id(value: T, event: Named, profile: AccessProfile) -> T | str:
    """The value of an event, or the handle where that value is the id of the event's aggregate and the profile may not see it.

    Keys, subjects, correlation ids and fields of payloads often repeat it.
    """
    if profile.sees_values or not settings.EVENTDESK.personal_types:
        return value
    id = event.aggregate_id
    if not id or isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    number = int(value) if isinstance(value, float) and value.is_integer() else value  # 4711.0 and 4.711e3 are 4711 as well
    if id not in (str(value), str(number)):
        return value
    return value if sees_id(event.aggregate_type, id, profile) else public_id(event.aggregate_type, id)


def without_own_ids(values: Mapping[str, str], event: Named, profile: AccessProfile) -> Mapping[str, str]:
    """As ``without_own_id``, of all of these values and of their names."""
    if sees_id(event.aggregate_type, event.aggregate_id, profile):
        return values
    return {without_own_id(name, event, profile): without_own_id(value, event, profile) for name, value in values.items()}


@lru_cache(maxsize=16_384)
def _public_id(aggregate_type: str, id: str, patterns: tuple[str, ...], secret: str) -> str:
    """As ``public_id``. A busy tail asks this several times for each row."""
    if not is_personal_type(aggregate_type, patterns):
        return id
    already = _read(id, secret)
    return id if already is not None and already[0] == aggregate_type else _handle_of(aggregate_type, id, secret)


@lru_cache(maxsize=4096)
def _handle_of(aggregate_type: str, id: str, secret: str) -> str:
    plain = FILLER.join(part.encode("utf-8", "surrogatepass") for part in (aggregate_type, id))
    plain += FILLER * (-len(plain) % BLOCK)
    return MARK + b32encode(_cipher(secret).encrypt(plain, None)).decode("ascii").rstrip("=").lower()


@lru_cache(maxsize=4096)
def _read(handle: str, secret: str) -> tuple[str, str] | None:
    if not looks_like_handle(handle):
        return None
    text = handle.removeprefix(MARK).upper()
    try:
        sealed = b32decode(text + "=" * (-len(text) % 8))
        plain = _cipher(secret).decrypt(sealed, None).rstrip(FILLER)
    except (ValueError, InvalidTag):
        return None
    type, _, id = plain.partition(FILLER)
    found = type.decode("utf-8", "surrogatepass"), id.decode("utf-8", "surrogatepass")
    return found if _handle_of(*found, secret) == handle else None


@lru_cache(maxsize=4)
def _cipher(secret: str) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=64, salt=None, info=LABEL).derive(secret.encode("utf-8", "surrogatepass")))


def _secret() -> str:
    return settings.EVENTDESK_HANDLE_KEY or settings.SECRET_KEY
