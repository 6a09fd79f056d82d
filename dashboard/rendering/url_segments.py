"""One pair of functions through which every name in a URL passes: any string in, one non-empty path segment out.

Percent encoding will not do: daphne decodes ``%2F`` before Django routes, and ``.`` and ``..`` never reach a server. So ``~``
is the escape: each UTF-8 byte outside ``A-Z a-z 0-9 . _ -`` becomes ``~`` and two upper-case hexadecimal digits (``~`` itself
``~7E``), the empty string is ``~``, and the names ``.`` and ``..`` have their dots escaped. Each string has exactly one
segment.
"""

import re
from functools import lru_cache

from django.urls import get_script_prefix, register_converter, reverse

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
EMPTY = "~"
AS_IT_IS = re.compile(r"[A-Za-z0-9._-]+")
WRITTEN = re.compile(r"(?:[A-Za-z0-9._-]|~[0-9A-F]{2})+")
ESCAPE = re.compile(rb"~([0-9A-F]{2})")


def segment(text: str) -> str:
    """``text`` as one path segment of unreserved characters: never empty, never ``.`` or ``..``. Takes any string."""
    if not text:
        return EMPTY
    if text in {".", ".."}:
        return "~2E" * len(text)
    if AS_IT_IS.fullmatch(text):
        return text
    return "".join(chr(byte) if byte in PLAIN else f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def unsegment(written: str) -> str:
    """What ``segment`` made this from; ``ValueError`` for anything that it never writes."""
    if written == EMPTY:
        return ""
    if not WRITTEN.fullmatch(written):
        raise ValueError("not a segment: a character that is never written, or a broken escape")
    octets = ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), written.encode("ascii"))
    text = octets.decode("utf-8", "surrogatepass")
    if segment(text) != written:
        raise ValueError("not a segment: the same name is written in another way")
    return text


def address(page: str, *names: str) -> str:
    """The path of a page whose URL has these names as its segments: what ``reverse`` says, for lists. A page of fifty events
    asks for a hundred and more, and asking the URL table for each was a sixth of what the page cost."""
    first, *rest = _around(get_script_prefix(), page, len(names))
    return first + "".join(segment(name) + after for name, after in zip(names, rest, strict=True))


@lru_cache(maxsize=256)
def _around(prefix: str, page: str, count: int) -> list[str]:
    """What stands before, between and after the names in the page's path. ``prefix`` is part of it, and so of what is kept."""
    stand_in = "0-name-0"
    return reverse(page, args=[stand_in] * count).split(stand_in)


class SegmentConverter:
    """``<segment:topic>`` in a URL pattern: the view gets the name itself; a malformed segment matches no pattern."""

    regex = "[A-Za-z0-9._~-]+"

    def to_python(self, value: str) -> str:
        return unsegment(value)

    def to_url(self, value: str) -> str:
        return segment(value)


register_converter(SegmentConverter, "segment")
