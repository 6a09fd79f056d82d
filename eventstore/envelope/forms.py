"""Built-in mappings by name: the forms of producers that write no CloudEvents, as their sources and manuals describe them.

A form lists, for each part, the sources to try in order; the first that gives a text counts. What a mapping declares itself
goes before its form. docs/mapping-forms.md describes the forms for operators.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

from eventstore.envelope.connect import plain_text


class Form(StrEnum):
    """The producers whose messages are known."""

    DEBEZIUM = "debezium"
    DEBEZIUM_OUTBOX = "debezium-outbox"
    KURRENTDB = "kurrentdb"
    SPRING = "spring"


class Try(Struct, frozen=True, kw_only=True):
    """One source of a form: a property (in any case), a JMESPath in the payload, the key, or else the topic's last segment.

    ``then`` makes the part of the text that is found.
    """

    property: str = ""
    path: str = ""
    key: bool = False
    then: Callable[[str], str] | None = None


class FormRules(Struct, frozen=True, kw_only=True):
    """What a form knows of its messages.

    ``unit``: of its times. ``connect``: a payload with its schema around it is read without. ``tombstone``: the type of a
    message without a payload.
    """

    parts: Mapping[str, tuple[Try, ...]]
    unit: str = ""
    connect: bool = False
    tombstone: str = ""


def _last_part(text: str) -> str:
    """Return what follows the last dot: Debezium's topics are ``server.schema.table`` and ``outbox.event.type``."""
    return text.rpartition(".")[2]


def _last_segment(text: str) -> str:
    return text.rstrip("/").rpartition("/")[2]


def _category(stream: str) -> str:
    """Return what comes before the first hyphen, which KurrentDB calls the stream's category; the whole name without one."""
    return stream.partition("-")[0] or stream


def _behind_category(stream: str) -> str:
    return stream.partition("-")[2] or stream


_OPERATIONS = {
    "c": "created", "r": "read", "u": "updated", "d": "deleted", "t": "truncated", "m": "message",
}  # fmt: skip


def _with_operation(text: str) -> str:
    """Return ``orders.updated`` for ``orders.u``. Debezium's ``r`` is a row read by a snapshot."""
    table, _, operation = text.rpartition(".")
    return f"{table}.{_OPERATIONS.get(operation, operation)}"


_DEBEZIUM = FormRules(
    # Debezium 3.x, "Connectors", data change events: {before, after, source, op, ts_ms, transaction} and, flattened with
    # add.fields=op,table,source.ts_ms, the fields of the row with __op, __table and __source_ts_ms.
    parts={
        "type": (
            Try(path="join('.', [source.table || source.collection, op])", then=_with_operation),
            Try(path="join('.', [__table, __op])", then=_with_operation),
            Try(path="join('.', ['transaction', status])"),  # topic of transactions: {status: BEGIN or END, id, …}
            Try(path="ddl && 'schema.changed'"),  # topic of schema changes: {source, ddl, tableChanges, …}
        ),
        "aggregate_type": (Try(path="source.table || source.collection || __table"), Try(then=_last_part)),
        "aggregate_id": (Try(key=True, then=plain_text),),
        "time": (Try(path="source.ts_ms || ts_ms || __source_ts_ms"),),
        "correlation_id": (Try(path="transaction.id"),),
        "source": (Try(path="join('/', ['/debezium', source.connector, source.name])"),),
    },
    unit="milliseconds",
    connect=True,
    tombstone="tombstone",
)

_OUTBOX = FormRules(
    # Debezium 3.x, "Outbox Event Router": the header id, the aggregate's id as key, the aggregate's type at the end of the
    # topic's name, and only the column payload as value. A type is there only if table.fields.additional.placement adds it, as
    # a header or as a member beside payload.
    parts={
        "id": (Try(property="id", then=plain_text), Try(path="payload && (eventId || id)")),
        "type": (
            Try(property="eventType", then=plain_text),
            Try(property="type", then=plain_text),
            Try(path="payload && (eventType || type)"),
            Try(then=_last_part),
        ),
        "aggregate_type": (
            Try(property="aggregateType", then=plain_text),
            Try(path="payload && (aggregateType || aggregatetype)"),
            Try(then=_last_part),
        ),
        "aggregate_id": (Try(key=True, then=plain_text),),
        "time": (Try(property="eventTimestamp", then=plain_text),),
    },
    unit="milliseconds",
    connect=True,
    tombstone="tombstone",
)

_KURRENTDB = FormRules(
    # KurrentDB 25.x and 26.x, "Connectors", features, headers: esdb-record-… of the record, and esdb-record-headers-… of the
    # event's own metadata.
    parts={
        "id": (Try(property="esdb-record-id"),),
        "type": (Try(property="esdb-record-schema-subject"),),
        "aggregate_type": (Try(property="esdb-record-stream-id", then=_category),),
        "aggregate_id": (Try(property="esdb-record-stream-id", then=_behind_category),),
        "version": (Try(property="esdb-record-stream-revision"),),
        "time": (Try(property="esdb-record-timestamp"),),
        "correlation_id": (
            Try(property="esdb-record-headers-$correlationId"),
            Try(property="esdb-record-headers-correlationId"),
        ),
        "causation_id": (
            Try(property="esdb-record-headers-$causationId"),
            Try(property="esdb-record-headers-causationId"),
        ),
    },
    unit="milliseconds",
)

_SPRING = FormRules(
    # Spring for Apache Kafka 3.x: __TypeId__ is the Java class, written by its JsonSerializer. Spring Cloud Stream's Kafka
    # binder 4.x: a dead letter has x-original-topic, x-original-partition, x-exception-message and others.
    parts={
        "type": (Try(property="__TypeId__", then=plain_text),),
        "aggregate_type": (Try(property="x-original-topic", then=_last_segment),),
    },
)

FORMS: Mapping[Form, FormRules] = {
    Form.DEBEZIUM: _DEBEZIUM,
    Form.DEBEZIUM_OUTBOX: _OUTBOX,
    Form.KURRENTDB: _KURRENTDB,
    Form.SPRING: _SPRING,
}
