"""A request line or header that is too long gets an answer. Twisted, below daphne, drops the connection without one."""

import re
from http import HTTPStatus
from typing import Any

from twisted.web.http import HTTPChannel

from dashboard.running.early_answers import answer_and_close

LONGEST_LINE = 16 * 1024
"""Bytes of a request line or header, as Twisted has it."""
MOST_HEADERS = 64 * 1024
"""Bytes of all headers. A page's address comes up to three times: as itself, as Referer, and as htmx's HX-Current-URL."""
_REQUEST_LINE = re.compile(rb"[A-Z]{1,20} [^:]")


def answer_long_lines() -> None:
    """From now on, every HTTP connection of this process answers with status 414 or 431 and a page, and then closes."""
    HTTPChannel.MAX_LENGTH = LONGEST_LINE
    HTTPChannel.totalHeadersSize = MOST_HEADERS
    HTTPChannel.lineLengthExceeded = _answer  # type: ignore[method-assign]


def _answer(channel: Any, rest: bytes) -> None:
    asks = _REQUEST_LINE.match(rest) is not None
    status = HTTPStatus.REQUEST_URI_TOO_LONG if asks else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    answer_and_close(channel, status, earlier=len(channel.requests) - (0 if asks else 1))
