"""Payloads become documents by their own schema version, looked up once; what does not fit is said in words."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from eventstore.index.writing.envelope import events_in
from eventstore.model.errors import StoreClosed, StoreRefused, StoreUnreachable
from eventstore.schemas import Schemas, kinds
from tests.unit.schemas.avro_payloads import record, written
from tests.unit.schemas.registry import BY_EVENT_TYPE, TOPIC, Registry, decoded, message, schema


def test_a_message_without_a_schema_costs_no_question() -> None:
    registry = Registry({})
    schemas = Schemas(registry)
    assert schemas.decoded(message(b"{}", "")) is None
    for sealed in (message(b"", "0", null=True), message(b"x", "0", encrypted=True)):
        assert schemas.decoded(replace(sealed, key=None)) is None
    assert registry.asked == []


def test_each_version_is_asked_for_once_and_reads_its_own_messages() -> None:
    old, new = record(("name", "string")), record(("name", "string"), ("age", "int"))
    registry = Registry({(TOPIC, "0"): schema("AVRO", old), (TOPIC, "1"): schema("AVRO", new)})
    schemas = Schemas(registry)
    for _ in range(3):
        found = [
            schemas.decoded(message(written(old, {"name": "a"}), "0")),
            schemas.decoded(message(written(new, {"name": "b", "age": 7}), "1")),
        ]
        assert [one and json.loads(one[0]) for one in found] == [{"name": "a"}, {"name": "b", "age": 7}]
        assert [one and (one[1].kind, one[1].version) for one in found] == [("Avro", "0"), ("Avro", "1")]
    assert registry.asked == [(TOPIC, "0"), (TOPIC, "1")]


def test_a_payload_that_does_not_fit_is_left_as_it_is_with_the_reason() -> None:
    data, use, *_ = decoded(schema("AVRO", record(("name", "string"))), b"Secret Name")
    assert data == b"Secret Name"
    assert not use.converted
    assert use.problem.startswith("its schema version 0 is Avro, and the payload does not fit it: ")
    assert "Secret" not in use.problem


def test_a_definition_that_cannot_be_used_is_said_once_and_for_all() -> None:
    registry = Registry({(TOPIC, "0"): schema("AVRO", b"{")})
    schemas = Schemas(registry)
    for _ in range(3):
        found = schemas.decoded(message(b"x"))
        assert found is not None
        assert found[1].problem == "its schema version 0 is Avro, and its definition cannot be used: it is not JSON"
    assert len(registry.asked) == 1


def test_a_registry_that_is_away_is_asked_again_after_a_moment_and_not_for_each_message() -> None:
    registry = Registry({(TOPIC, "0"): schema("INT8")}, error=StoreUnreachable("away"))
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for _ in range(100):
        found = schemas.decoded(message(b"\x05"))
        assert found is not None
        assert found[1].unanswered
    assert len(registry.asked) == 1
    registry.error, registry.seconds = None, 10.0
    found = schemas.decoded(message(b"\x05"))
    assert found is not None
    assert (found[0], found[1].problem) == (b"5", "")


def test_a_version_that_is_not_there_is_asked_for_again_later() -> None:
    registry = Registry({})
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for registry.seconds in (0.0, 30.0, 59.0, 61.0):
        found = schemas.decoded(message(b"\x05"))
        assert found is not None
        assert found[1].problem == "its schema version 0 is not in the registry"
        assert not found[1].unanswered
    assert len(registry.asked) == 2


def test_a_refusal_is_a_problem_that_nobody_waits_for_and_a_closed_store_is_an_error() -> None:
    now = [100.0]
    registry = Registry({(TOPIC, "0"): schema("STRING")}, error=StoreRefused("No permission."))
    schemas = Schemas(registry, clock=lambda: now[0])
    for _ in range(3):
        found = schemas.decoded(message(b"x"))
        assert found is not None
        assert not found[1].unanswered
        assert "the schema registry refuses it (No permission.)" in found[1].problem
    assert len(registry.asked) == 1
    [event] = events_in([message(b"x")], BY_EVENT_TYPE, schemas.decoded)  # it stops no topic
    assert event.schema is not None
    assert event.schema.problem
    registry.error = None
    now[0] += 61
    found = schemas.decoded(message(b"x"))
    assert found is not None
    assert found[1].problem == ""
    with pytest.raises(StoreClosed):
        Schemas(Registry({}, error=StoreClosed("closed"))).decoded(message(b"x"))


def test_a_reader_that_fails_as_nobody_foresaw_is_a_problem_in_fixed_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def reader(definition: bytes) -> Any:
        if definition == b"bad":
            raise AttributeError("Erika")

        def read(payload: bytes) -> Any:
            raise AttributeError(payload.decode())

        return read

    monkeypatch.setattr(kinds, "_COMPILED", {"AVRO": reader})
    monkeypatch.setattr(kinds, "_AS_IT_IS", {"JSON": reader(b"")})
    for kind in (schema("AVRO", b"bad"), schema("AVRO", b"good"), schema("JSON")):
        data, use, *_ = decoded(kind, b"Erika")
        assert (data, use.converted, use.unanswered) == (b"Erika", False, False)
        assert "its reader cannot handle something in it" in use.problem
        assert "Erika" not in use.problem
        assert use.kind in ("Avro", "JSON")


def test_it_remembers_a_bounded_number() -> None:
    registry = Registry({})
    schemas = Schemas(registry, clock=lambda: 0.0)
    for number in range(1_500):
        schemas.decoded(message(b"x", str(number)))
    schemas.decoded(message(b"x", "1499"))
    assert len(registry.asked) == 1_500
    schemas.decoded(message(b"x", "0"))
    assert len(registry.asked) == 1_501


def test_a_topic_that_was_made_anew_is_read_by_its_own_version_0() -> None:
    old, new = record(("customer", "string")), record(("mother", "string"))
    registry = Registry({(TOPIC, "0"): schema("AVRO", old)})
    schemas = Schemas(registry)
    first = schemas.decoded(message(written(old, {"customer": "Ada"}), incarnation="first"))
    registry.schemas = {(TOPIC, "0"): schema("AVRO", new)}
    second = schemas.decoded(message(written(new, {"mother": "Ada"}), incarnation="second"))
    assert [one and json.loads(one[0]) for one in (first, second)] == [{"customer": "Ada"}, {"mother": "Ada"}]


def test_a_version_of_a_topic_whose_incarnation_is_not_told_is_looked_up_again_after_a_minute() -> None:
    registry = Registry({(TOPIC, "0"): schema("AVRO", record(("customer", "string")))})
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for registry.seconds in (0.0, 59.0, 61.0):
        schemas.decoded(message(b"", incarnation=""))
        schemas.decoded(message(b"", incarnation="told"))
    assert len(registry.asked) == 3
