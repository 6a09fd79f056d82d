"""Answers to requests that are refused before they have arrived whole, written to the connection itself, which then closes."""

from http import HTTPStatus
from typing import Any

from django.template.loader import render_to_string

LINGERS = 5
"""Seconds in which the rest of such a request is read and dropped. Closed at once, the client might not see the answer."""

TITLES = {
    HTTPStatus.REQUEST_TIMEOUT: "This request took too long",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This form holds too much",
    HTTPStatus.REQUEST_URI_TOO_LONG: "This address is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "This request has too long a header",
}
ADVICE = {
    HTTPStatus.REQUEST_TIMEOUT: "Check your connection, and try again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Go back, and shorten what you typed.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "Go back, and shorten what you typed.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "Delete this site's cookies in your browser, and try again.",
}
HINTS = {
    HTTPStatus.REQUEST_TIMEOUT: "A request must arrive within a minute.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "A form may have 2.5 MB.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "An address may have 16,384 bytes. Letters outside ASCII take up to twelve bytes each.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "A header may have 16,384 bytes.",
}


def answer_and_close(channel: Any, status: HTTPStatus, *, earlier: int) -> None:
    """Answer on this channel of Twisted's, drop what still comes, and close. ``earlier``: requests that wait for answers.

    This answer must not come between theirs, so the connection is only closed then.
    """
    channel.dataReceived = channel.rawDataReceived = lambda data: None
    channel._send100Continue = lambda: None
    if earlier > 0:
        channel.loseConnection()
        return
    channel.transport.write(response(status))
    channel.transport.unregisterProducer()
    channel.transport.loseWriteConnection()
    channel.setTimeout(LINGERS)


def response(status: HTTPStatus) -> bytes:
    """The whole answer: its status line, headers and page."""
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
