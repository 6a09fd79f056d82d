"""A request line or header that is too long gets an answer. Twisted, below daphne, drops the connection without one."""

import re
from http import HTTPStatus
from typing import Any

from django.template.loader import render_to_string
from twisted.web.http import HTTPChannel

LONGEST_LINE = 16 * 1024
"""Bytes of a request line or header, as Twisted has it."""
MOST_HEADERS = 64 * 1024
"""Bytes of all headers. A page's address comes up to three times: as itself, as Referer, and as htmx's HX-Current-URL."""
LINGERS = 5
"""Seconds in which the rest of such a request is read and dropped. Closed at once, the client might not see the answer."""
_REQUEST_LINE = re.compile(rb"[A-Z]{1,20} [^:]")

TITLES = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "This address is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "This request has too long a header",
}
ADVICE = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "Go back, and shorten what you typed.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "Delete this site's cookies in your browser, and try again.",
}
HINTS = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "An address may have 16,384 bytes. Letters outside ASCII take up to twelve bytes each.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "A header may have 16,384 bytes.",
}


def answer_long_lines() -> None:
    """From now on, every HTTP connection of this process answers with status 414 or 431 and a page, and then closes."""
    HTTPChannel.MAX_LENGTH = LONGEST_LINE
    HTTPChannel.totalHeadersSize = MOST_HEADERS
    HTTPChannel.lineLengthExceeded = _answer  # type: ignore[method-assign]


def _answer(channel: Any, rest: bytes) -> None:
    asks = _REQUEST_LINE.match(rest) is not None
    others = len(channel.requests) - (0 if asks else 1)
    if others > 0:  # earlier requests wait for their answers, and this one must not come between
        channel.loseConnection()
        return
    status = HTTPStatus.REQUEST_URI_TOO_LONG if asks else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    channel.transport.write(_response(status))
    channel.dataReceived = lambda data: None
    channel.transport.unregisterProducer()
    channel.transport.loseWriteConnection()
    channel.setTimeout(LINGERS)


def _response(status: HTTPStatus) -> bytes:
    context = {"title": TITLES[status], "advice": ADVICE[status], "hint": HINTS[status]}
    page = render_to_string("errors/bare.html", context).encode()
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(page)),
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store, private",
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + page
