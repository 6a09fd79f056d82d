"""What a token says of itself, if it is a JSON Web Token. Nothing is verified: that is the broker's to do."""

import base64
import binascii
from datetime import UTC, datetime

import msgspec

LONGEST_NAME = 100


class Claims(msgspec.Struct):
    """``sub``: whose token it is. ``exp``: when it ends, in seconds since 1970."""

    sub: str = ""
    exp: float | None = None


def claims_of(token: str) -> Claims:
    """Return what it says; nothing if it is no such token."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Claims)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return Claims()


def holder_of(token: str) -> str:
    """Return whose token it is, as one short line; empty if it does not say."""
    name = claims_of(token).sub
    return name if name.isprintable() and len(name) <= LONGEST_NAME else ""


def end_of(token: str) -> datetime | None:
    """Return when it ends, if ever."""
    ends = claims_of(token).exp
    try:
        return None if ends is None else datetime.fromtimestamp(ends, UTC)
    except (OverflowError, ValueError, OSError):
        return None
