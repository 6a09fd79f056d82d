"""Converts the client's messages to the event store's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstore.drivers.pulsar.client.contents import marked
from eventstore.drivers.pulsar.incarnations import Identify
from eventstore.drivers.pulsar.positions import Positions
from eventstore.model.events import NOTHING, UNREADABLE_KEY, Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Messages:
    """Converts one partition's messages one after the other. Not thread-safe."""

    def __init__(self, topic: str, partition: int, identify: Identify | None = None, *, every_ledger: bool = False) -> None:
        """``identify`` returns the incarnation that a ledger belongs to. It is called for each new ledger with
        ``every_ledger``, and otherwise only for messages with a schema: without one nothing depends on it."""
        self._positions = Positions(topic, partition)
        self._published, self._schema, self._producer = EPOCH, "", ""
        self._identify, self._every_ledger = identify, every_ledger
        self._identified, self._incarnation = -1, ""

    def of(self, raw: Any) -> Message:
        """Return the message in the client's object. Text that is not UTF-8 becomes a replacement character."""
        position = self._positions.of(raw.message_id())
        new_entry = self._positions.new_entry
        if new_entry and self._identify is not None and self._positions.ledger != self._identified:
            self._tell_incarnation(self._identify, raw)  # outside of what is caught: a reader must not go on
        if new_entry:
            self._begin_entry(raw)
        try:
            key, ordering_key, properties = raw.partition_key(), raw.ordering_key(), raw.properties()
        except UnicodeDecodeError:
            key, ordering_key, properties = _text(raw.partition_key), _text(raw.ordering_key), _properties(raw)
        happened = raw.event_timestamp()
        payload = raw.data()
        message = Message(
            position=position,
            payload=payload,
            published=self._published,
            key=key or None,
            ordering_key=ordering_key or None,
            properties=properties or NOTHING,
            event_time=time_of(happened) if happened else None,
            schema_version=self._schema,
            incarnation=self._incarnation,
            producer=self._producer,
        )
        # An entry is encrypted as a whole. If it could not be decrypted, its first message says so and no other follows.
        return message if payload and not new_entry else marked(message, raw)

    def _tell_incarnation(self, identify: Identify, raw: Any) -> None:
        if self._every_ledger or _has_schema(raw):
            ledger = self._positions.ledger
            self._incarnation, self._identified = identify(ledger), ledger

    def _begin_entry(self, raw: Any) -> None:
        """Keep what an entry says once for all of its messages: when, by whom and with which schema it was published."""
        milliseconds = raw.publish_timestamp()
        self._published = EPOCH + timedelta(milliseconds=milliseconds)
        schema = raw.int_schema_version()
        self._schema = str(schema) if schema >= 0 else ""  # the version of the topic's schema that it was written with
        self._producer = _text(raw.producer_name)


def _has_schema(raw: Any) -> bool:
    try:
        return int(raw.int_schema_version()) >= 0
    except Exception:  # noqa: BLE001 -- reading the message itself says what the client fails on
        return False


def time_of(milliseconds: int) -> datetime | None:
    """Return the instant in UTC. Returns ``None`` for 0 and less, Pulsar's "never", and for what exceeds the calendar."""
    if milliseconds <= 0:
        return None
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _properties(raw: Any) -> Mapping[str, str]:
    try:
        return raw.properties() or NOTHING
    except UnicodeDecodeError:
        return {"\ufffd": "\ufffd"}  # if one property is not text, the client returns none of them


def _text(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnicodeDecodeError:
        return UNREADABLE_KEY
