"""A websocket whose client does not read is closed, whatever it sends.

daphne pings a client that has been silent for a while, and closes the socket if no answer comes. A client that sends messages
was never pinged, and one that sends pings gets an answer to each, which stays in memory until it is read.
"""

import time
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

MOST_PINGS = 100
PINGS_WITHIN = 10.0
"""Seconds in which a client may send ``MOST_PINGS`` pings. Clients send one every twenty seconds or so."""


def close_unread_sockets() -> None:
    """From now on, in this process: what a client sends does not put off the server's pings, and too many pings end it."""
    heard = WebSocketProtocol.onMessage

    def on_message(protocol: Any, payload: bytes, is_binary: bool) -> None:
        pinged = protocol.last_ping
        heard(protocol, payload, is_binary)
        protocol.last_ping = pinged
        protocol.autoPingRestartOnAnyTraffic = False  # only the answer to a ping is one

    WebSocketProtocol.onMessage = on_message
    WebSocketProtocol.onPing = _on_ping


def _on_ping(protocol: Any, payload: bytes) -> None:
    now = time.monotonic()
    since, count = getattr(protocol, "pings", (now, 0))
    if now - since > PINGS_WITHIN:
        since, count = now, 0
    protocol.pings = (since, count + 1)
    if count < MOST_PINGS:
        protocol.sendPong(payload)
    else:
        protocol.dropConnection(abort=True)
