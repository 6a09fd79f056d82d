"""Whether a message's key was set as bytes. The client does not tell, but the broker's answer for its entry does.

A message's own metadata are headers of the answer. Those of the messages of a batch are within its body: for each message four
bytes of length, a ``SingleMessageMetadata`` (``PulsarApi.proto``), and the payload. Seen on 4.0.8 and 4.2.4.
"""

from collections.abc import Iterator, Mapping

BATCH = "x-pulsar-num-batch-message"
KEY, KEY_IS_BASE64 = "x-pulsar-partition-key", "x-pulsar-partition-key-b64-encoded"
_PAYLOAD_SIZE, _KEY_IS_BASE64 = 3, 6
"""Fields of ``SingleMessageMetadata``."""
_VARINT, _BYTES = 0, 2
"""Protobuf's wire types, as far as that message has them."""


class NoMetadata(ValueError):
    """The body is not a batch as it is described here."""


def is_set_as_bytes(headers: Mapping[str, str], body: bytes, batch_index: int) -> bool | None:
    """Return whether the key was set as bytes; ``None`` if the answer does not tell. ``batch_index`` is -1 outside a batch."""
    if BATCH not in headers:
        # C++ clients never set the mark, Java's always.
        return headers.get(KEY_IS_BASE64) == "true" if KEY in headers and batch_index < 0 else None
    try:
        for number, fields in enumerate(_metadata(body)):
            if number == batch_index:
                return bool(fields.get(_KEY_IS_BASE64, 0))
    except NoMetadata:
        return None
    return None


def _metadata(body: bytes) -> Iterator[Mapping[int, int]]:
    """Yield the numbers among each message's metadata, by field."""
    place = 0
    while place < len(body):
        length = int.from_bytes(body[place : place + 4], "big")
        place += 4
        if not length or place + length > len(body):
            raise NoMetadata
        fields = _numbers(body[place : place + length])
        yield fields
        place += length + fields.get(_PAYLOAD_SIZE, 0)


def _numbers(message: bytes) -> Mapping[int, int]:
    found: dict[int, int] = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        value, place = _varint(message, place)
        if tag & 7 == _VARINT:
            found[tag >> 3] = value
        elif tag & 7 == _BYTES:
            place += value
        else:
            raise NoMetadata
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift, byte in enumerate(message[place : place + 10]):
        number |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return number, place + shift + 1
    raise NoMetadata
