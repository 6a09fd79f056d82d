"""Keys that were set as bytes. They read as their base64, and a copy would have that text as its key."""

import re

from eventstore.model.events import Message
from eventstore.model.log import Log

BYTES = "Their keys were set as bytes, and a copy would have the key as text."
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)


class BytesKeys:
    """Tells whether a message's key was set as bytes. Of ``most`` keys the store is asked, each by a request of its own; after
    that, a key that may be base64 counts as set as bytes if one of those was: publishers hardly ever mix."""

    def __init__(self, log: Log, most: int) -> None:
        self._log, self._most = log, most
        self._known: dict[str, bool] = {}

    def has(self, message: Message) -> bool:
        key = message.key
        if not key or len(key) % 4 or not _BASE64.fullmatch(key):
            return False
        if key not in self._known:
            if len(self._known) >= self._most:
                return any(self._known.values())
            self._known[key] = self._log.key_is_bytes(message.position) is True
        return self._known[key]
