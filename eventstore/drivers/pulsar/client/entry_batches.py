"""The messages of a batch, from the broker's answer for its entry: a scattered one costs a fraction of what a reader does.

The answer's headers have what is said once for the entry. Its body is the batch, decompressed: for each message four bytes of
length, a ``SingleMessageMetadata`` (``PulsarApi.proto``), and the payload. Seen on 4.0.8 and 4.2.4. Headers are text of a few
characters, and a message by itself has its properties there, so only batches are read in this way, and only where nothing can
have been lost. Whatever is not exactly as described here is left to a reader.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.client.messages import AFTER_ALL, EPOCH, SCHEMA_VERSION_BYTES, Messages
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import Place
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message, Position

BATCH, ID = "x-pulsar-num-batch-message", "x-pulsar-message-id"
KEY, KEY_IS_BASE64 = "x-pulsar-partition-key", "x-pulsar-partition-key-b64-encoded"
PUBLISHED, PRODUCER, SCHEMA = "x-pulsar-publish-time", "x-pulsar-producer-name", "x-pulsar-base64-schema-version"
NOT_PLAIN = (
    "x-pulsar-num-chunks-from-msg",
    "x-pulsar-chunk-id",
    "x-pulsar-marker-type",
    "x-pulsar-txn-aborted",
    "x-pulsar-txn-uncommitted",
    "x-pulsar-is-encrypted",
    "x-pulsar-encryption-algo",
    "x-pulsar-base64-encryption-keys",
)
"""Headers of entries that readers get in another way, or not at all."""
_REPEATED, _OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED, descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_BYTES, _BOOL = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES, descriptor_pb2.FieldDescriptorProto.TYPE_BOOL
_INT32, _UINT64 = descriptor_pb2.FieldDescriptorProto.TYPE_INT32, descriptor_pb2.FieldDescriptorProto.TYPE_UINT64
_KEY_VALUE: Mapping[str, tuple[int, int]] = {"key": (1, _BYTES), "value": (2, _BYTES)}
_SINGLE: Mapping[str, tuple[int, int]] = {
    "partition_key": (2, _BYTES),
    "payload_size": (3, _INT32),
    "compacted_out": (4, _BOOL),
    "event_time": (5, _UINT64),
    "partition_key_b64_encoded": (6, _BOOL),
    "ordering_key": (7, _BYTES),
    "null_value": (9, _BOOL),
}
"""Texts are declared as bytes: a publisher may write any."""


class NotABatch(ValueError):
    """The body is not a batch as it is described here."""


class Member(NamedTuple):
    """One message's metadata, and where its payload lies in the body."""

    metadata: Any
    start: int
    end: int


def _metadata_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="eventdesk/batch.proto", package="eventdesk", syntax="proto2")
    pair, single = file.message_type.add(name="KeyValue"), file.message_type.add(name="SingleMessageMetadata")
    for target, fields in ((pair, _KEY_VALUE), (single, _SINGLE)):
        for name, (number, type) in fields.items():
            target.field.add(name=name, number=number, type=type, label=_OPTIONAL)
    single.field.add(
        name="properties",
        number=1,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".eventdesk.KeyValue",
        label=_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("eventdesk.SingleMessageMetadata"))


_metadata_of = _metadata_class().FromString


def members(body: bytes) -> Iterator[Member]:
    """Yield the batch's messages. Raises ``NotABatch`` where the body is none, or is cut."""
    place, end = 0, len(body)
    while place < end:
        start = place + 4
        length = int.from_bytes(body[place:start], "big")
        payload = start + length
        if not length or payload > end:
            raise NotABatch
        try:
            metadata = _metadata_of(body[start:payload])
        except DecodeError as error:
            raise NotABatch from error
        place = payload + metadata.payload_size
        if metadata.payload_size < 0 or place > end:
            raise NotABatch
        yield Member(metadata, payload, place)


class RawId(NamedTuple):
    """As the client's message id, as far as ``Messages`` asks."""

    ledger: int
    entry: int
    batch: int

    def ledger_id(self) -> int:
        return self.ledger

    def entry_id(self) -> int:
        return self.entry

    def batch_index(self) -> int:
        return self.batch


class RawMember:
    """As the client's message, for ``Messages``. ``published`` is in milliseconds since 1970, ``schema`` -1 without one."""

    def __init__(self, id: RawId, member: Member, body: bytes, published: int, producer: str, schema: int) -> None:
        self._id, self._metadata = id, member.metadata
        self._payload = b"" if member.metadata.null_value else body[member.start : member.end]
        self._published, self._producer, self._schema = published, producer, schema
        # Strict, so that whatever is no text raises here, where a reader is still to be had.
        self._key: str = member.metadata.partition_key.decode()
        self._ordering_key: str = member.metadata.ordering_key.decode()
        self._properties: dict[str, str] = {}
        for pair in member.metadata.properties:
            self._properties.setdefault(pair.key.decode(), pair.value.decode())  # the client keeps the first of a name, too

    def message_id(self) -> RawId:
        return self._id

    def partition_key(self) -> str:
        return self._key

    def ordering_key(self) -> str:
        return self._ordering_key

    def properties(self) -> dict[str, str]:
        return self._properties

    def event_timestamp(self) -> int:
        return int(self._metadata.event_time)

    def data(self) -> bytes:
        return self._payload

    def publish_timestamp(self) -> int:
        return self._published

    def int_schema_version(self) -> int:
        return self._schema

    def schema_version(self) -> str:
        """Only its length is asked for."""
        return "0" * SCHEMA_VERSION_BYTES

    def producer_name(self) -> str:
        return self._producer

    def has_null_value(self) -> bool:
        return bool(self._metadata.null_value)

    def encryption_context(self) -> None:
        return None


def is_set_as_bytes(headers: Mapping[str, str], body: bytes, batch_index: int) -> bool | None:
    """Return whether the key was set as bytes; ``None`` if the answer does not tell. ``batch_index`` is -1 outside a batch."""
    if BATCH not in headers:
        # C++ clients never set the mark, Java's always.
        return headers.get(KEY_IS_BASE64) == "true" if KEY in headers and batch_index < 0 else None
    try:
        for number, member in enumerate(members(body)):
            if number == batch_index:
                return bool(member.metadata.partition_key_b64_encoded)
    except NotABatch:
        return None
    return None


def fetch_batch(
    admin: Admin, log: TopicName, messages: Messages, places: Sequence[Place], wanted: Sequence[Position]
) -> Mapping[Position, Message] | None:
    """Return the messages at these positions if all of them lie in one batch; ``None`` where a reader has to tell."""
    ledger, entry = places[0].ledger, places[0].entry
    if any(place.batch < 0 or (place.ledger, place.entry) != (ledger, entry) for place in places):
        return None
    try:
        told = admin.entry(log, ledger, entry)
    except EventStoreError:
        return None
    raws = messages_in(*told, ledger, entry, {place.batch for place in places}) if told else None
    if raws is None:
        return None
    return {position: messages.of(raws[place.batch]) for place, position in zip(places, wanted, strict=True)}


def messages_in(
    headers: Mapping[str, str], body: bytes, ledger: int, entry: int, wanted: Set[int]
) -> Mapping[int, RawMember] | None:
    """Return the messages with these numbers in the batch, by number; ``None`` where a reader has to tell.

    ``headers`` have names in small letters.
    """
    try:
        published, schema, producer = _published(headers[PUBLISHED]), _schema(headers.get(SCHEMA)), _plain(headers[PRODUCER])
        if headers[ID] != f"{ledger}:{entry}" or any(headers.get(name, "false") != "false" for name in NOT_PLAIN):
            return None
        found: dict[int, RawMember] = {}
        count = 0
        for count, member in enumerate(members(body), 1):
            if member.metadata.compacted_out:
                return None
            if count - 1 in wanted:
                id = RawId(ledger, entry, count - 1)
                found[count - 1] = RawMember(id, member, body, published, producer, schema)
        return found if count == int(headers[BATCH]) and len(found) == len(wanted) else None
    except (KeyError, ValueError):  # UnicodeDecodeError and NotABatch are ValueErrors
        return None


def _published(text: str) -> int:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time without a zone")
    milliseconds, rest = divmod(when - EPOCH, timedelta(milliseconds=1))
    if rest or not 0 < milliseconds < AFTER_ALL:
        raise ValueError("no time in milliseconds that is sure")
    return milliseconds


def _schema(text: str | None) -> int:
    if text is None:
        return -1
    try:
        version = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    number = int.from_bytes(version, "big", signed=True)
    if len(version) != SCHEMA_VERSION_BYTES or number < 0:
        raise ValueError("no version of 8 bytes")
    return number


def _plain(text: str) -> str:
    """The text, unless a header may have changed it: what is not ASCII comes as a question mark or as a space."""
    if not text.isascii() or not text.isprintable() or "?" in text or " " in text:
        raise ValueError("not the text itself")
    return text
