"""Which Origins a websocket's handshake may come from: this installation's own, and those that its settings trust.

To a browser all ports of a host are one site: it sends the session's cookie along, whatever other program there made the page.
So scheme, host and port are compared, as Django does for forms.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.http import is_same_domain

PORTS = {"http": 80, "https": 443}
AS_FOR_PAGES = {b"ws": b"http", b"wss": b"https"}
"""Some proxies name the websocket's own scheme in X-Forwarded-Proto."""

Origin = tuple[str, str, int]


def is_trusted(scope: dict[str, Any]) -> bool:
    """Whether the handshake has one Origin, and that is the very one that it was sent to, or one of
    ``CSRF_TRUSTED_ORIGINS``."""
    said = [value for name, value in scope.get("headers", []) if name.lower() == b"origin"]
    origin = _origin(said[0].decode("latin-1")) if len(said) == 1 else None
    return origin is not None and (origin == _own(scope) or _is_among(settings.CSRF_TRUSTED_ORIGINS, origin))


def _own(scope: dict[str, Any]) -> Origin | None:
    """The origin of this installation's pages as the handshake reached it; ``None`` for a host that is none of its own."""
    headers = [(name, _proto(value) if name.lower() == b"x-forwarded-proto" else value) for name, value in scope["headers"]]
    scheme = _proto(str(scope.get("scheme", "ws")).encode()).decode()
    page = {"method": "GET", "path": "/", "headers": headers, "server": scope.get("server"), "scheme": scheme}
    request = ASGIRequest(page, BytesIO())
    try:
        return _origin(f"{request.scheme}://{request.get_host()}")
    except DisallowedHost:
        return None


def _proto(value: bytes) -> bytes:
    """The scheme that the first proxy was asked with, as that of a page."""
    first = value.split(b",")[0].strip().lower()
    return AS_FOR_PAGES.get(first, first)


def _is_among(trusted: Iterable[str], origin: Origin) -> bool:
    scheme, host, port = origin
    for text in trusted:
        one = _origin(text.strip().replace("://*.", "://", 1))
        if one is None or (one[0], one[2]) != (scheme, port):
            continue
        if is_same_domain(host, f".{one[1]}" if "://*." in text else one[1]):
            return True
    return False


def _origin(text: str) -> Origin | None:
    """Scheme, host and port; ``None`` for ``null``, and for whatever has more to it than these."""
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if (
        port is None
        or not parts.hostname
        or parts != SplitResult(parts.scheme, parts.netloc, "", "", "")
        or "@" in parts.netloc
    ):
        return None
    return parts.scheme, parts.hostname, port
