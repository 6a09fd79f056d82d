"""Built-in mappings: messages as Debezium, its outbox router, KurrentDB's sinks and Spring write them."""

import json as standard
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.envelope import read_event
from eventstore.envelope.connect import key_text
from eventstore.envelope.forms import Form
from eventstore.model.events import Event
from tests.examples import examples
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import PUBLISHED, json, message

COLUMN = {"type": "int32", "optional": False, "field": "id"}
KEY_SCHEMA = {"type": "struct", "fields": [COLUMN], "optional": False, "name": "dbserver1.inventory.orders.Key"}
SOURCE = {
    "version": "3.0.0.Final", "connector": "postgresql", "name": "dbserver1", "ts_ms": 1732865000123, "snapshot": "false",
    "db": "shop", "schema": "inventory", "table": "orders", "txId": 555, "lsn": 24023128,
}  # fmt: skip
CHANGE = {
    "before": None, "after": {"id": 1001, "total": 5}, "source": SOURCE, "op": "u", "ts_ms": 1732865000456,
    "transaction": {"id": "555:24023128", "total_order": 1, "data_collection_order": 1},
}  # fmt: skip


def read(
    form: str,
    payload: bytes,
    key: str | None = "k",
    properties: Mapping[str, str] | None = None,
    topic: str = "public/default/dbserver1.inventory.orders",
    more: str = "",
    null: bool = False,
) -> Event:
    found = message(payload, key=key, properties=properties, topic=topic)
    position = found.position
    tombstone = type(found)(position=position, payload=b"", published=PUBLISHED, key=key, null=True) if null else found
    return read_event(tombstone, mappings(f'form = "{form}"\n{more}', '["*"]'))


def with_schema(payload: Any, schema: Any = None) -> bytes:
    return json({"schema": schema or {"type": "struct", "optional": False}, "payload": payload})


@pytest.mark.parametrize("key", [b'{"id":1001}', with_schema({"id": 1001}, KEY_SCHEMA), b"1001", b'"1001"'])
@pytest.mark.parametrize("payload", [json(CHANGE), with_schema(CHANGE)])
def test_a_change_event_is_read_with_and_without_schemas(key: bytes, payload: bytes) -> None:
    event = read("debezium", payload, key.decode())
    assert (event.problem, event.type, event.source) == ("", "orders.updated", "/debezium/postgresql/dbserver1")
    assert (event.aggregate_type, event.aggregate_id, event.correlation_id) == ("orders", "1001", "555:24023128")
    assert event.time == datetime(2024, 11, 29, 7, 23, 20, 123000, tzinfo=UTC)
    assert event.data == payload


@pytest.mark.parametrize(
    ("op", "type"), [("c", "orders.created"), ("r", "orders.read"), ("d", "orders.deleted"), ("t", "orders.truncated")]
)
def test_an_operation_is_a_word(op: str, type: str) -> None:
    assert read("debezium", json(CHANGE | {"op": op}), "1001").type == type


def test_a_deleted_rows_tombstone_lies_in_the_rows_stream() -> None:
    event = read("debezium", b"", '{"id":1001}', null=True)
    assert (event.problem, event.type, event.aggregate_type, event.aggregate_id) == ("", "tombstone", "orders", "1001")


def test_flattened_rows_transactions_and_schema_changes_are_read() -> None:
    row = {"id": 1001, "__op": "c", "__table": "orders", "__source_ts_ms": 1732865000123}
    event = read("debezium", json(row), '{"id":1001}')
    assert (event.type, event.aggregate_type, event.time.year, event.notes[1:]) == ("orders.created", "orders", 2024, ())
    begun = {"status": "BEGIN", "id": "555:1", "ts_ms": 1732865000123, "event_count": None}
    assert read("debezium", json(begun), '{"id":"555:1"}').type == "transaction.BEGIN"
    assert read("debezium", json({"source": SOURCE, "ts_ms": 1, "ddl": "ALTER …"})).type == "schema.changed"
    assert read("debezium", json({"id": 1})).problem == "unrecognised format: its topic's mapping finds no type in it"


def test_a_key_of_several_columns_is_their_json() -> None:
    columns = {f"key_column_{number}": number for number in range(18)}
    event = read("debezium", json(CHANGE), with_schema(columns).decode())
    assert (event.problem, event.aggregate_id) == ("", json(columns).decode())


def test_a_cloudevent_with_a_long_json_key_and_its_schema_needs_no_mapping() -> None:
    columns = {f"key_column_{number}": number for number in range(18)}
    fields = [{"type": "int32", "optional": False, "field": name} for name in columns]
    key = standard.dumps({"schema": {"type": "struct", "fields": fields, "name": "s.Key"}, "payload": columns})
    document = {
        "id": "name:dbserver1;lsn:29274832;txId:565", "source": "/debezium/postgresql/dbserver1", "specversion": "1.0",
        "type": "io.debezium.postgresql.datachangeevent", "time": "2020-01-13T13:55:39.738Z",
        "datacontenttype": "application/json", "iodebeziumop": "r", "data": {"payload": {"before": None, "after": {"id": 1}}},
    }  # fmt: skip
    assert len(key) > 1024
    event = read_event(message(json(document), key=key))
    assert (event.problem, event.aggregate_id) == ("", standard.dumps(columns))
    assert event.attributes["iodebeziumop"] == "r"
    assert read_event(message(json(document), key=with_schema({"id": 7}).decode())).aggregate_id == "7"


def test_an_outbox_message_is_read_as_the_router_writes_it_by_default() -> None:
    event = read("debezium-outbox", b'{"id":1,"type":"a row of the payload"}', "1", {"id": "4d47e190"}, "outbox.event.order")
    assert (event.problem, event.id, event.type) == ("", "4d47e190", "order")
    assert (event.aggregate_type, event.aggregate_id) == ("order", "1")


@pytest.mark.parametrize("header", ["eventType", "type"])
def test_an_outbox_type_is_a_header_in_any_converter_of_headers(header: str) -> None:
    for written in ("OrderCreated", '"OrderCreated"', with_schema("OrderCreated", {"type": "string"}).decode()):
        event = read("debezium-outbox", b"{}", '"1"', {"id": '"4d47"', header: written}, "outbox.event.order")
        assert (event.id, event.type, event.aggregate_id) == ("4d47", "OrderCreated", "1")


@pytest.mark.parametrize("wrap", [json, with_schema])
def test_an_outbox_type_may_lie_beside_the_payload(wrap: Any) -> None:
    event = read("debezium-outbox", wrap({"payload": '{"id":1}', "eventType": "OrderCreated"}), "1", {"id": "4d47"})
    assert (event.type, event.aggregate_type) == ("OrderCreated", "orders")


def test_a_record_of_kurrentdb_keeps_its_stream_and_number() -> None:
    properties = {
        "esdb-connector-id": "sink", "esdb-record-id": "af0d90b7", "esdb-record-stream-id": "order-12345-b",
        "esdb-record-stream-revision": "42", "esdb-record-schema-subject": "OrderPlaced", "esdb-record-schema-type": "json",
        "ESDB-Record-Timestamp": "2026-01-15T10:30:00.1234567Z", "esdb-record-headers-$correlationId": "c-1",
    }  # fmt: skip
    event = read("kurrentdb", b'{"a":1}', "order", properties)
    assert (event.problem, event.notes, event.id, event.type) == ("", (), "af0d90b7", "OrderPlaced")
    assert (event.aggregate_type, event.aggregate_id, event.sequence) == ("order", "12345-b", "42")
    assert (event.correlation_id, event.time.microsecond) == ("c-1", 123456)
    bare = read("kurrentdb", b"{}", "k", properties | {"esdb-record-stream-id": "orders"})
    assert (bare.aggregate_type, bare.aggregate_id) == ("orders", "orders")


def test_a_dead_letter_of_spring_belongs_to_its_original_topic() -> None:
    properties = {"__TypeId__": "com.example.OrderPlaced", "x-original-topic": "orders", "x-exception-message": "no"}
    event = read("spring", b"{}", "1", properties, "error.orders.mailer")
    assert (event.problem, event.type, event.aggregate_type, event.aggregate_id) == (
        "",
        "com.example.OrderPlaced",
        "orders",
        "1",
    )


def test_what_the_mapping_says_goes_before_its_form() -> None:
    more = 'type = { from = "json", path = "kind" }\naggregate_type = { from = "value", value = "order" }'
    event = read("debezium", json(CHANGE | {"kind": "K"}), "1", more=more)
    assert (event.type, event.aggregate_type, event.aggregate_id) == ("K", "order", "1")
    timed = 'time = { from = "json", path = "ts_ms", unit = "microseconds" }'
    assert read("debezium", json(CHANGE), "1", more=timed).time.year == 1970


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ('{"schema": 1, "payload": "a"}', "a"),
        ('{"schema": 1, "payload": 1E3}', "1E3"),
        ('{"schema": 1, "payload": {"id": null}}', ""),
        ('{"schema": 1}', '{"schema": 1}'),
        ('{"schema": 1, "payload": 2, "x": 3}', '{"schema": 1, "payload": 2, "x": 3}'),
        ('{"schema": 1, "payload": [1, 2]}', "[1, 2]"),
        ('{"schema": }', '{"schema": }'),
        ('{"id": 1}', '{"id": 1}'),
        ("schema", "schema"),
    ],
)
def test_only_a_key_with_its_schema_is_unwrapped_without_a_mapping(key: str, text: str) -> None:
    assert key_text(key) == text


texts = st.text(st.characters(), max_size=60) | st.from_regex(r'(\{"schema": ?[0-9{}"]*, ?"payload": ?[^a]{0,20}\})')


@settings(max_examples=examples(200), deadline=None, print_blob=True)
@given(
    form=st.sampled_from(list(Form)),
    key=st.none() | texts,
    payload=st.binary(max_size=80) | st.recursive(st.none() | st.integers() | texts.map(ascii), st.lists).map(json),
    properties=st.dictionaries(st.sampled_from(["id", "type", "__TypeId__", "x-original-topic", "esdb-record-id"]), texts),
    member=st.sampled_from(["source", "op", "payload", "schema", "transaction", "ts_ms", "ddl"]),
)
def test_no_message_breaks_a_form(
    form: Form, key: str | None, payload: bytes, properties: dict[str, str], member: str
) -> None:
    for written in (payload, b'{"%s":%s,"op":"c"}' % (member.encode(), payload)):
        event = read(form, written, key, properties)
        assert event.id
        assert event.problem.startswith("unrecognised format: ") if event.problem else event.type
