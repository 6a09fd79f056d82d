"""Takes a short text that came whole, such as an acknowledgement, without the steps by which autobahn takes any frame.

Those take longer than what is done with the text. A thousand pages acknowledge some thousand frames a second. Such a text is
offered first to what was given to ``offer_to``: the way through a queue and a task takes longer, too.
"""

from collections.abc import Callable
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

HEADER, LONGEST = 6, 125
"""Bytes of the header of a short masked frame, and of the text that it may have."""
TEXT_FRAME, MASKED = 0x81, 0x80
TAKE = "eventdesk_take"
"""A connection's attribute: what its short texts are offered to."""


def take_short_texts() -> None:
    """From now on, in this process."""
    take_any = WebSocketProtocol.dataReceived

    def data_received(protocol: Any, data: bytes) -> None:
        text = _short_text(data) if _is_between_frames(protocol) else None
        if text is None:
            take_any(protocol, data)
        elif (take := getattr(protocol, TAKE, None)) is None or not take(text):
            protocol.onMessage(text, False)

    WebSocketProtocol.dataReceived = data_received


def offer_to(protocol: Any, take: Callable[[bytes], bool] | None) -> None:
    """Offer this connection's short texts to ``take``, or to nobody. What it answers ``False`` to goes the usual way."""
    setattr(protocol, TAKE, take)


def _is_between_frames(protocol: Any) -> bool:
    """Whether a frame begins now, on a connection that is open and that nobody observes."""
    if protocol.state != WebSocketProtocol.STATE_OPEN:
        return False
    try:
        begun = protocol.data or protocol.current_frame is not None or protocol.inside_message
        observed = protocol.logOctets or protocol.logFrames or protocol.trackedTimings or protocol._listeners
        return not (begun or observed or protocol.failedByMe)
    except AttributeError:  # it has other names for that by now
        return False


def _short_text(data: bytes) -> bytes | None:
    """The text of which this is the whole frame, masked and in UTF-8; ``None`` if it is anything else."""
    size = len(data) - HEADER
    if not 0 < size <= LONGEST or data[0] != TEXT_FRAME or data[1] != MASKED | size:
        return None
    mask = (data[2:HEADER] * (size // 4 + 1))[:size]
    text = (int.from_bytes(data[HEADER:]) ^ int.from_bytes(mask)).to_bytes(size)
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return text
