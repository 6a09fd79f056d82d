"""Converts the client's messages to the event store's.

A publisher may write any number of 64 bits as a time, and any bytes as a text. Nothing that one message holds raises an
error here: what is no time becomes ``NO_TIME`` or ``None``, what is not text a replacement character, and a note says so. A
message on which the client itself fails keeps its position and gets a ``problem``.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from eventstore.drivers.pulsar.incarnations import Identify
from eventstore.drivers.pulsar.positions import Positions
from eventstore.model.errors import reported
from eventstore.model.events import NO_TIME, NOTHING, UNREADABLE_KEY, Message, Position

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AFTER_ALL = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
"""The first millisecond that counts as no time. In the year 9999 a time zone could carry a time beyond the calendar."""

NO_PUBLISH_TIME = "Its publish time is unknown: its publisher wrote {}, which is not a time in milliseconds since 1970."
NO_EVENT_TIME = "Its message's event time is left out: its publisher wrote {}, which is not a time in milliseconds since 1970."
NO_SCHEMA_VERSION = "Its schema version is left out, and its payload shown as it is: its publisher wrote no number of 8 bytes."
NO_ENTRY = "Its publish time, its schema or its producer is unknown: the client of the store fails on it."
NOT_TEXT = "Its key, its ordering key or a property is not UTF-8 text: it is shown as \ufffd."
UNREADABLE = "cannot be read: the client of the store fails on it ({})"
SCHEMA_VERSION_BYTES = 8
_NO_TEXTS: Mapping[str, str] = {UNREADABLE_KEY: UNREADABLE_KEY}
"""If one property is not text, the client returns none of them."""

T = TypeVar("T")


class WouldAsk(Exception):
    """``Messages`` would have to ask which log a ledger belongs to, which may not be now."""


class Messages:
    """Converts one partition's messages one after the other. Not thread-safe."""

    def __init__(self, topic: str, partition: int, identify: Identify | None = None, *, every_ledger: bool = False) -> None:
        """``identify`` returns the incarnation that a ledger belongs to. It is called for each new ledger with
        ``every_ledger``, and otherwise only for messages with a schema: without one nothing depends on it."""
        self.positions = Positions(topic, partition)
        self._published, self._schema, self._producer = NO_TIME, "", ""
        self._notes: tuple[str, ...] = ()
        self._identify, self._every_ledger = identify, every_ledger
        self.may_ask = True
        """Whether ``identify`` may be called, which takes a round trip. Otherwise ``of`` raises ``WouldAsk`` instead."""
        self._identified, self.incarnation = -1, ""

    def unbroken_to(self, entry: tuple[int, int]) -> tuple[int, int] | None:
        """Return the ledger and entry since which a message came from each entry up to this one, so that no piece of a message
        lies there that waits for others. ``None`` if that is not known."""
        return self.positions.run if self.positions.run <= entry <= self.positions.at else None

    def of(self, raw: Any) -> Message:
        """Return the message in the client's object, whatever it holds.

        Every message passes here, and a ``try`` around it costs nothing (Python 3.11) as long as nothing is raised.
        """
        position = self.positions.of(raw.message_id())
        new_entry = self.positions.new_entry
        if new_entry and self._identify is not None and self.positions.ledger != self._identified:
            self._tell_incarnation(self._identify, raw)  # outside of what is caught: a reader must not go on
        try:
            if new_entry:
                self._begin_entry(raw)
            key, ordering_key, properties = raw.partition_key(), raw.ordering_key(), raw.properties()
            happened = raw.event_timestamp()
            event_time = time_of(happened) if happened else None
            payload = raw.data()
            message = Message(
                position=position,
                payload=payload,
                published=self._published,
                key=key or None,
                ordering_key=ordering_key or None,
                properties=properties or NOTHING,
                event_time=event_time,
                schema_version=self._schema,
                incarnation=self.incarnation,
                producer=self._producer,
                notes=self._notes,
            )
            if happened and event_time is None:
                message = _without_event_time(message, happened)
            # An entry is encrypted as a whole. If it could not be decrypted, its first message says so and no other follows.
            return message if payload and not new_entry else _marked(message, raw)
        except Exception as error:  # noqa: BLE001 -- whatever one message does to the client, the others go on
            return self._read_apart(raw, position, error)

    def usual_since(self, raw: Any, id: Any) -> int | None:
        """Return the publish time of the message in microseconds since 1970, if its entry is usual; otherwise ``None``.

        Of a usual entry, the parts of each message say all (``model.pieces``).
        """
        try:
            milliseconds = raw.publish_timestamp()
            usual = 0 < milliseconds < AFTER_ALL and raw.int_schema_version() < 0 and raw.encryption_context() is None
            is_chunk = id.batch_index() < 0 and ";" in str(id)
        except Exception:  # noqa: BLE001 -- ``of`` finds out what the client fails on
            return None
        return int(milliseconds) * 1_000 if usual and not is_chunk else None

    def enter(self, raw: Any, id: Any) -> None:
        """Enter the usual entry of a message that is not converted. ``of`` begins it again if it needs to."""
        self.positions.enter(id.ledger_id(), id.entry_id())
        if self._identify is not None and self.positions.ledger != self._identified:
            self._tell_incarnation(self._identify, raw)

    def _tell_incarnation(self, identify: Identify, raw: Any) -> None:
        if self._every_ledger or _has_schema(raw):
            ledger, self.positions.ledger = self.positions.ledger, -1  # if this fails, the entry begins again
            if not self.may_ask:
                raise WouldAsk
            self.incarnation, self._identified = identify(ledger), ledger
            self.positions.ledger = ledger

    def _begin_entry(self, raw: Any) -> None:
        """Keep what an entry says once for all of its messages: when, by whom and with which schema it was published."""
        self._published, self._notes, self._schema, self._producer = NO_TIME, (NO_ENTRY,), "", ""
        notes: tuple[str, ...] = ()
        milliseconds = raw.publish_timestamp()
        self._published = time_of(milliseconds) or NO_TIME
        if self._published is NO_TIME:
            notes = (NO_PUBLISH_TIME.format(_signed(milliseconds)),)
        schema = raw.int_schema_version()
        if schema >= 0:
            size = _bytes_of_schema_version(raw)
            self._schema = str(schema) if size == SCHEMA_VERSION_BYTES else ""
            notes = notes if self._schema or not size else (*notes, NO_SCHEMA_VERSION)
        self._producer = _text(raw.producer_name)
        self._notes = notes

    def _read_apart(self, raw: Any, position: Position, error: Exception) -> Message:
        """Read one part after the other, and leave out those on which the client fails.

        Text that is not UTF-8 is expected. Anything else is a problem of the whole message: half of it might mean something
        else.
        """
        failures: list[Exception] = []
        key, ordering_key = _part(raw.partition_key, "", failures), _part(raw.ordering_key, "", failures)
        happened = _part(raw.event_timestamp, 0, failures)
        message = Message(
            position=position,
            payload=_part(raw.data, b"", failures),
            published=self._published,
            key=key or None,
            ordering_key=ordering_key or None,
            properties=_part(raw.properties, _NO_TEXTS, failures) or NOTHING,
            event_time=time_of(happened),
            schema_version=self._schema,
            incarnation=self.incarnation,
            producer=self._producer,
            notes=self._notes,
        )
        if happened and message.event_time is None:
            message = _without_event_time(message, happened)
        message = _part(lambda: _marked(message, raw), message, failures)
        unforeseen = next((one for one in (*failures, error) if not isinstance(one, UnicodeDecodeError)), None)
        if unforeseen is None:
            return replace(message, notes=(*message.notes, NOT_TEXT))
        problem = UNREADABLE.format(reported(unforeseen, position.where))
        return replace(message, key=None, ordering_key=None, properties=NOTHING, schema_version="", problem=problem)


def _marked(message: Message, raw: Any) -> Message:
    """Return the message with ``null`` and ``encrypted`` set if the client's object says so.

    The client delivers an encrypted batch as one message, whose only properties are those of the batch.
    """
    if not message.payload:
        return replace(message, null=True) if raw.has_null_value() else message
    encryption = raw.encryption_context()
    if encryption is None or not encryption.is_decryption_failed():
        return message
    return replace(message, encrypted=True, encrypted_batch=max(0, encryption.batch_size()))


def _has_schema(raw: Any) -> bool:
    try:
        return int(raw.int_schema_version()) >= 0
    except Exception:  # noqa: BLE001 -- reading the message itself says what the client fails on
        return False


def time_of(milliseconds: int) -> datetime | None:
    """Return the instant in UTC. Returns ``None`` for 0 and less, Pulsar's "never", and for what exceeds the calendar."""
    return EPOCH + timedelta(milliseconds=milliseconds) if 0 < milliseconds < AFTER_ALL else None


def _without_event_time(message: Message, written: int) -> Message:
    return replace(message, notes=(*message.notes, NO_EVENT_TIME.format(_signed(written))))


def _signed(number: int) -> int:
    """Return the number as its publisher wrote it. The client takes the sign bit of the protocol's 64 bits for a value."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _part(read: Callable[[], T], instead: T, failures: list[Exception]) -> T:
    """Return what the client reads. If it fails, note the failure, and return a replacement character or ``instead``."""
    try:
        return read()
    except UnicodeDecodeError as error:
        failures.append(error)
        return cast(T, UNREADABLE_KEY) if isinstance(instead, str) else instead
    except Exception as error:  # noqa: BLE001 -- see ``Messages.of``
        failures.append(error)
        return instead


def _bytes_of_schema_version(raw: Any) -> int:
    """Return how many bytes the version has. Of one with other than 8, the client makes a number of what lies behind it in
    memory, another one each time (pulsar-client 3.13.0).
    """
    try:
        return len(raw.schema_version().encode())
    except UnicodeDecodeError as error:
        return len(error.object)


def _text(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnicodeDecodeError:
        return UNREADABLE_KEY
