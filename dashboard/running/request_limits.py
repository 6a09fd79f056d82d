"""A request whose body is too large, or that takes too long to arrive, is refused before it has arrived.

Twisted, below daphne, writes any body to the disk before the application hears of it, and lets a client that sends a byte a
minute go on for ever.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from dashboard.running.early_answers import answer_and_close

LARGEST_BODY = 2_621_440
"""Bytes: as many as Django reads of a form (``DATA_UPLOAD_MAX_MEMORY_SIZE``). Nothing here takes files."""
ARRIVES_WITHIN = 60.0
"""Seconds from a request's first byte to its last. A client that sends nothing is disconnected after as long by Twisted."""


def limit_requests() -> None:
    """From now on, in this process: status 413 to large bodies, and 408 to slow requests. Called once."""
    told_length, chunk = WebRequest.gotLength, WebRequest.handleContentChunk
    data_received: Callable[[Any, bytes], None] = HTTPChannel.dataReceived
    whole: Callable[[Any], None] = HTTPChannel.allContentReceived

    def got_length(request: Any, length: int | None) -> None:
        if (length or 0) > LARGEST_BODY:
            _refuse(request.channel, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        told_length(request, min(length, LARGEST_BODY) if length is not None else None)

    def content_chunk(request: Any, data: bytes) -> None:
        if request.content.tell() + len(data) > LARGEST_BODY:
            _refuse(request.channel, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif not getattr(request.channel, "refused", False):
            chunk(request, data)

    def received(channel: Any, data: bytes) -> None:
        if not channel._handlingRequest:
            channel.since = since = getattr(channel, "since", None) or time.monotonic()
            if time.monotonic() - since > ARRIVES_WITHIN:
                _refuse(channel, HTTPStatus.REQUEST_TIMEOUT)
                return
        data_received(channel, data)

    def all_received(channel: Any) -> None:
        channel.since = None
        if not getattr(channel, "refused", False):
            whole(channel)

    WebRequest.gotLength, WebRequest.handleContentChunk = got_length, content_chunk
    HTTPChannel.dataReceived = received  # type: ignore[method-assign]
    HTTPChannel.allContentReceived = all_received  # type: ignore[method-assign]


def _refuse(channel: Any, status: HTTPStatus) -> None:
    if not getattr(channel, "refused", False):
        channel.refused = True
        answer_and_close(channel, status, earlier=len(channel.requests) - 1)
