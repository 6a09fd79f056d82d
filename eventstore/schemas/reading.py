"""Decode payloads by the schema version with which each message was written. Each version is looked up once, then
remembered.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as renewed
from typing import Any

import msgspec
from msgspec.structs import replace

from eventstore.model.errors import EventStoreError, StoreClosed, StoreUnreachable
from eventstore.model.events import Message, SchemaUse
from eventstore.model.schema_registry import Decoded, Schema, SchemaRegistry
from eventstore.schemas.decode_budget import MOST_PAYLOAD, DecodeError, UnusableSchema
from eventstore.schemas.kinds import Kind, kind_of, words_of
from eventstore.schemas.parts import ReadKey

REMEMBERED = 1_000
AWAY_SECONDS = 5.0
"""How long a registry that did not answer is left alone."""
MISSING_SECONDS = 60.0
"""How long a missing schema version is remembered as missing, since another cluster may not have replicated it yet; and any
version of a topic whose incarnation the store did not tell."""

KEY_UNKNOWN = "the message's schema, which may have one for the key, cannot be looked up or used"
NO_REGISTRY = "this store has no schema registry, so the payload is shown as it is"
_UNFORESEEN = "its reader cannot handle something in it"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is known of one schema version, and until when (monotonic time). ``None`` means for ever, because a version never
    changes.
    """

    kind: Kind | None
    words: str = ""
    problem: str = ""
    unanswered: bool = False
    until: float | None = None


class Schemas:
    """Thread-safe; one for each process. ``registry`` is the store's, or ``None`` if the store has none."""

    def __init__(self, registry: SchemaRegistry | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()
        """By topic, incarnation and version: a topic that was made anew counts its versions from 0 again."""

    def decoded(self, message: Message) -> Decoded | None:
        """Return the payload as a document, the message's key, and the schema that was used; ``None`` for a message without a
        schema, which costs nothing.

        For Avro, Protobuf, numbers and times, the data is JSON made from the payload. For JSON, text and bytes, and if there
        is a problem, it is the payload itself. An absent or encrypted payload has no document; the key of such a message is
        decoded nevertheless, because it tells the aggregate. Raises only ``StoreClosed``.
        """
        version, sealed = message.schema_version, message.encrypted or message.null
        if not version or (sealed and message.key is None):
            return None
        if self._registry is None:
            return None if sealed else Decoded(message.payload, _without_registry(version), message.key)
        known = self._of(self._registry, message.position.topic, message.incarnation, version)
        if known.kind is None:
            return _as_sent(message, known, sealed)
        if sealed and known.kind.key is None:
            return None
        use = SchemaUse(kind=known.kind.words, version=version)
        data, use = (message.payload, use) if sealed else _read(message.payload, version, known.kind)
        if known.kind.key is None or message.key is None:
            return Decoded(data, use, message.key)
        return _with_key(data, use, known.kind.key, message.key)

    def _of(self, registry: SchemaRegistry, topic: str, incarnation: str, version: str) -> _Known:
        key = (topic, incarnation, version)
        with self._lock:
            known = self._known.get(key)
        if known is None or (known.until is not None and self._clock() >= known.until):
            known = self._found(registry, topic, version)
            if not incarnation and known.until is None:  # perhaps of a topic that is made anew soon
                known = renewed(known, until=self._clock() + MISSING_SECONDS)
            with self._lock:
                self._known[key] = known
                self._known.move_to_end(key)
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return known

    def _found(self, registry: SchemaRegistry, topic: str, version: str) -> _Known:
        try:
            schema = registry.schema(topic, version)
        except StoreClosed:
            raise
        except StoreUnreachable:
            problem = f"its schema version {version} cannot be looked up: the registry does not answer"
            return _Known(kind=None, problem=problem, unanswered=True, until=self._clock() + AWAY_SECONDS)
        except EventStoreError as error:
            problem = f"its schema version {version} cannot be looked up: the schema registry refuses it ({error})"
            return _Known(kind=None, problem=problem, until=self._clock() + MISSING_SECONDS)
        if schema is None:
            problem = f"its schema version {version} is not in the registry"
            return _Known(kind=None, problem=problem, until=self._clock() + MISSING_SECONDS)
        return _usable(schema, version)


def _usable(schema: Schema, version: str) -> _Known:
    """The schema, ready for reading payloads, or why it cannot be used."""
    try:
        return _Known(kind=kind_of(schema))
    except UnusableSchema as error:
        why = str(error)
    except Exception:  # noqa: BLE001 -- whatever a definition does to its reader, the topic goes on; its text stays out
        why = _UNFORESEEN
    words = words_of(schema.kind)
    problem = f"its schema version {version} is {words}, and its definition cannot be used: {why}"
    return _Known(kind=None, words=words, problem=problem)


def _without_registry(version: str) -> SchemaUse:
    return SchemaUse(kind="", version=version, note=NO_REGISTRY)


def _as_sent(message: Message, known: _Known, sealed: bool) -> Decoded:
    """The message as it is, because its schema is not known or cannot be used. It may have one for the key."""
    problem = "" if sealed else known.problem
    use = SchemaUse(kind=known.words, version=message.schema_version, problem=problem, unanswered=known.unanswered)
    may_have_one = message.key is not None and known.words in ("", words_of("KEY_VALUE"))
    return Decoded(message.payload, use, message.key, KEY_UNKNOWN if may_have_one else "")


def _with_key(data: bytes, use: SchemaUse, read: ReadKey, key: str) -> Decoded:
    """Decode the message's key as well. A key that does not fit its schema stays as it was sent."""
    try:
        return Decoded(data, replace(use, key_read=True), read(key))
    except DecodeError as error:
        return Decoded(data, use, key, f"the key does not fit its schema: {error}")
    except Exception:  # noqa: BLE001 -- whatever a key does to its reader, the topic goes on; an error's text may quote it
        return Decoded(data, use, key, f"the key cannot be read by its schema: {_UNFORESEEN}")


def _read(payload: bytes, version: str, kind: Kind) -> tuple[bytes, SchemaUse]:
    """Decode the payload by a schema that can be used."""
    note = kind.note
    try:
        if kind.check is not None:
            kind.check(payload)
        elif kind.read is not None and len(payload) > MOST_PAYLOAD:
            note = f"it has more than {MOST_PAYLOAD // 1_000_000} MB, and is not read by its schema"
        elif kind.read is not None:
            document = _encoded(kind.read(payload))
            return document, SchemaUse(kind=kind.words, version=version, converted=True)
    except DecodeError as error:
        problem = f"its schema version {version} is {kind.words}, and the payload does not fit it: {error}"
        return payload, SchemaUse(kind=kind.words, version=version, problem=problem)
    except Exception:  # noqa: BLE001 -- whatever a payload does to its reader, the topic goes on; an error's text may quote it
        problem = f"its schema version {version} is {kind.words}, and the payload cannot be read by it: {_UNFORESEEN}"
        return payload, SchemaUse(kind=kind.words, version=version, problem=problem)
    return payload, SchemaUse(kind=kind.words, version=version, note=note)


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DecodeError("it holds a value that JSON has no form for") from error
