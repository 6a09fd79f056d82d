"""The websocket addresses and their consumers."""

import logging
from typing import Any

from django.urls import path, re_path

import dashboard.rendering.url_segments  # noqa: F401  (registers the converter)
from dashboard.sockets.reveals import RevealSocket
from dashboard.sockets.tail.consumer import TailSocket

log = logging.getLogger(__name__)


async def _refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse the handshake. daphne makes 403 of it, as of a handshake without a login: it can send no other status."""
    await receive()
    log.info("there is no websocket at %r", scope["path"][:200])
    await send({"type": "websocket.close"})


urlpatterns = [
    path("topics/<segment:topic>/tail/live/", TailSocket.as_asgi(), name="tail_live"),
    path("reveals/live/", RevealSocket.as_asgi(), name="reveals_live"),
    path("tail/live/", TailSocket.as_asgi(), name="tails_live"),
]
no_such_socket = re_path(r"", _refuse)  # type: ignore[arg-type]  # not a view
"""Goes last: without it, the router raises an error for an unknown address."""
