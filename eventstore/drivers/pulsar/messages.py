"""The client's messages as ours."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstore.drivers.pulsar.contents import marked
from eventstore.drivers.pulsar.positions import Positions
from eventstore.events import NOTHING, Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Messages:
    """Makes one partition's messages from what the client hands out, one after the other: not for several threads at once."""

    def __init__(self, topic: str, partition: int) -> None:
        self._positions = Positions(topic, partition)
        self._milliseconds, self._published = 0, EPOCH

    def of(self, raw: Any) -> Message:
        """The message that the client's own object holds. Text that is not UTF-8 comes as a replacement character."""
        milliseconds = raw.publish_timestamp()
        if milliseconds != self._milliseconds:  # all of a batch have the same
            self._milliseconds, self._published = milliseconds, EPOCH + timedelta(milliseconds=milliseconds)
        try:
            key, properties, producer = raw.partition_key(), raw.properties(), raw.producer_name()
        except UnicodeDecodeError:
            key, properties, producer = _text(raw.partition_key), _properties(raw), _text(raw.producer_name)
        happened = raw.event_timestamp()
        schema = raw.int_schema_version()
        payload = raw.data()
        message = Message(
            position=self._positions.of(raw.message_id()),
            payload=payload,
            published=self._published,
            key=key or None,
            properties=properties or NOTHING,
            event_time=time_of(happened) if happened else None,
            schema_version=str(schema) if schema >= 0 else "",  # the number of the topic's schema that it was written with
            producer=producer,
        )
        # Entries are encrypted as a whole: what follows in an entry was decrypted, or would have come with its first message.
        return message if payload and not self._positions.new_entry else marked(message, raw)


def time_of(milliseconds: int) -> datetime | None:
    """The instant in UTC; ``None`` for 0 and less, which is how Pulsar writes "never", and for what no calendar holds."""
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
        return {"\ufffd": "\ufffd"}  # the client shows none of them where one is not text


def _text(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnicodeDecodeError:
        return "\ufffd"
