"""Which Origins a websocket's handshake may have: this installation's own, and those that its settings trust.

To a browser, all ports of a host are one site. It sends the session's cookie even if a program on another port made the page.
So scheme, host, and port are compared, as Django does for forms.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.http import is_same_domain

DEFAULT_PORTS = {"http": 80, "https": 443}
PAGE_SCHEMES = {b"ws": b"http", b"wss": b"https"}
"""The scheme of pages for each of websockets. Some proxies put the websocket's scheme into X-Forwarded-Proto."""

Origin = tuple[str, str, int]


def is_trusted(scope: dict[str, Any]) -> bool:
    """Whether the handshake has exactly one Origin: the one that it was sent to, or one of ``CSRF_TRUSTED_ORIGINS``."""
    headers = [value for name, value in scope.get("headers", []) if name.lower() == b"origin"]
    origin = _parse(headers[0].decode("latin-1")) if len(headers) == 1 else None
    return origin is not None and (origin == _own_origin(scope) or _is_among(settings.CSRF_TRUSTED_ORIGINS, origin))


def _own_origin(scope: dict[str, Any]) -> Origin | None:
    """The Origin of this installation's pages, as the handshake addressed them. ``None`` for a host that is not its own."""
    headers = [
        (name, _page_scheme(value) if name.lower() == b"x-forwarded-proto" else value) for name, value in scope["headers"]
    ]
    scheme = _page_scheme(str(scope.get("scheme", "ws")).encode()).decode()
    page = {"method": "GET", "path": "/", "headers": headers, "server": scope.get("server"), "scheme": scheme}
    request = ASGIRequest(page, BytesIO())
    try:
        return _parse(f"{request.scheme}://{request.get_host()}")
    except DisallowedHost:
        return None


def _page_scheme(value: bytes) -> bytes:
    """The scheme of the request to the first proxy, as a page's scheme."""
    first = value.split(b",")[0].strip().lower()
    return PAGE_SCHEMES.get(first, first)


def _is_among(trusted: Iterable[str], origin: Origin) -> bool:
    scheme, host, port = origin
    for pattern in trusted:
        allowed = _parse(pattern.strip().replace("://*.", "://", 1))
        if allowed is None or (allowed[0], allowed[2]) != (scheme, port):
            continue
        if is_same_domain(host, f".{allowed[1]}" if "://*." in pattern else allowed[1]):
            return True
    return False


def _parse(text: str) -> Origin | None:
    """Scheme, host, and port. ``None`` for ``null`` and for anything that has further parts."""
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
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
