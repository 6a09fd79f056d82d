"""One pair of functions through which every name in a URL passes: any string in, one non-empty path segment out.

Percent encoding will not do: daphne decodes ``%2F`` before Django routes, and ``.`` and ``..`` never reach a server. So ``~``
is the escape: each UTF-8 byte outside ``A-Z a-z 0-9 . _ -`` becomes ``~`` and two upper-case hexadecimal digits (``~`` itself
``~7E``), the empty string is ``~``, and the names ``.`` and ``..`` have their dots escaped. Each string has exactly one
segment.
"""

import re

from django.urls import register_converter

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
EMPTY = "~"
WRITTEN = re.compile(r"(?:[A-Za-z0-9._-]|~[0-9A-F]{2})+")
ESCAPE = re.compile(rb"~([0-9A-F]{2})")


def segment(text: str) -> str:
    """``text`` as one path segment of unreserved characters: never empty, never ``.`` or ``..``. Takes any string."""
    if not text:
        return EMPTY
    if text in {".", ".."}:
        return "~2E" * len(text)
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


class SegmentConverter:
    """``<segment:topic>`` in a URL pattern: the view gets the name itself; a malformed segment matches no pattern."""

    regex = "[A-Za-z0-9._~-]+"

    def to_python(self, value: str) -> str:
        return unsegment(value)

    def to_url(self, value: str) -> str:
        return segment(value)


register_converter(SegmentConverter, "segment")
