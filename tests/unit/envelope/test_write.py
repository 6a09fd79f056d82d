"""Events written as messages, and read back; and that no message at all can break the reading."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.config.loading import load_config
from eventstore.envelope import document_to_message, event_to_message, read_event, to_message
from eventstore.model.errors import InvalidMessage
from eventstore.model.events import Message, Position
from eventstore.samples.health import health_history, misfits, permit_like
from tests.examples import examples
from tests.unit.messages import DOCUMENT, PUBLISHED, json, message, stored

MAPPINGS = load_config(str(Path(__file__).resolve().parents[3] / "examples/eventdesk.toml")).mappings


def test_an_event_is_written_in_binary_mode() -> None:
    new = document_to_message(json(DOCUMENT | {"time": "2026-01-31T09:20:39.266+01:00", "n": 5, "data": {"a": 1}}))
    assert new.payload == b'{"a":1}'
    assert new.key == "4711"
    assert new.properties["ce_n"] == "5"
    assert new.properties["ce_time"] == "2026-01-31T09:20:39.266+01:00"
    assert new.event_time is not None
    assert new.event_time.isoformat() == "2026-01-31T08:20:39.266000+00:00"


def test_the_key_is_the_aggregate_else_the_subject() -> None:
    bare = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}
    assert to_message(bare | {"subject": "s", "aggregateid": "a"}, b"").key == "a"
    assert to_message(bare | {"subject": "s"}, b"").key == "s"
    for none in ({}, {"subject": "", "aggregateid": ""}):
        with pytest.raises(InvalidMessage, match="neither aggregateid nor subject"):
            to_message(bare | none, b"")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "attribute id is missing"),
        (json(DOCUMENT | {"specversion": "0.3"}), "specversion is not 1.0"),
        (json(DOCUMENT | {"id": None}), "attribute id is missing"),
        (json(DOCUMENT | {"aggregateid": "a\u0000b"}), "its aggregate id holds control characters"),
        (json(DOCUMENT | {"aggregateid": None, "subject": "a\nb"}), "its key holds control characters"),
        (json(DOCUMENT | {"aggregateid": None, "subject": None}), "neither aggregateid nor subject"),
        (json(DOCUMENT)[:-1] + b',"correlationid":"\\ud800"}', "not valid"),
        (b'{"secret-name": "\xff"}', "not valid"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(document: bytes, why: str) -> None:
    with pytest.raises(InvalidMessage, match=why) as caught:
        document_to_message(document)
    assert "secret" not in str(caught.value)


def test_every_attribute_of_generated_events_reads_back_as_it_was() -> None:
    for event in [*health_history(5, 12, poison=True), *permit_like(5, 60)]:
        read = read_event(stored(event_to_message(event)))
        assert read.problem == ""
        expected = {name: str(value) for name, value in event.items() if name not in ("data", "data_base64")}
        assert read.attributes == expected
        assert (read.id, read.type, read.aggregate_id, read.notes) == (event["id"], event["type"], event["aggregateid"], ())
        if "data" in event:
            assert read.data == json(event["data"])


def test_generated_misfits_fit_no_envelope() -> None:
    problems = [read_event(stored(new), MAPPINGS).problem for new in misfits(1)]
    assert len(problems) == 4
    assert all(problem.startswith("unrecognised format: ") for problem in problems)


texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40)
values = st.one_of(texts, st.integers(-(2**31), 2**31 - 1), st.booleans())
names = st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True).filter(lambda name: name not in DOCUMENT and name != "data")
trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(60), deadline=None, print_blob=True)
@given(extensions=st.dictionaries(names, values, max_size=5), identity=texts, aggregate=texts, data=trees)
def test_any_event_reads_back_attribute_for_attribute(
    extensions: dict[str, Any], identity: str, aggregate: str, data: Any
) -> None:
    document = extensions | DOCUMENT | {"id": identity, "aggregateid": aggregate, "data": data}
    event = read_event(stored(document_to_message(json(document))))
    assert event.problem == "" or any(len(str(value)) > 1024 for value in document.values())
    canonical = {True: "true", False: "false"}
    assert event.attributes == {
        name: canonical[value] if isinstance(value, bool) else str(value) for name, value in document.items() if name != "data"
    }
    assert event.data == json(data)


property_names = st.sampled_from(
    [*(f"ce_{name}" for name in DOCUMENT), "ce_time", "ce_", "content-type", "entity-id", "message-id", "trace", "position"]
)
wild = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["1.0", "application/cloudevents+json", "\x00", "\ud800", "x" * 2000]
)
payloads = (
    st.binary(max_size=200)
    | trees.map(json)
    | st.dictionaries(st.sampled_from([*DOCUMENT, "data", "data_base64", "eventType", "meta"]), trees).map(json)
    | st.sampled_from([b"[" * 10_000, b'{"specversion":' * 5_000, b"\xef\xbb\xbf{}", b'{"eventType":1e999}', b"9" * 5_000])
)


@settings(max_examples=examples(150), deadline=None, print_blob=True)
@given(
    payload=payloads,
    key=st.none() | wild,
    properties=st.dictionaries(property_names | wild, wild, max_size=8),
    topic=st.sampled_from(["users", "public/default/users", "legacy-1", "heartbeats", "/", "", "t\ud800"]),
)
def test_no_message_breaks_the_reading(payload: bytes, key: str | None, properties: dict[str, str], topic: str) -> None:
    position = Position(topic=topic, partition=0, token="11")
    given_message = Message(position=position, payload=payload, published=PUBLISHED, key=key, properties=properties)
    event = read_event(given_message, MAPPINGS)
    assert event.message is given_message
    assert event.id
    assert event.time.utcoffset() is not None
    if event.problem:
        assert event.problem.startswith("unrecognised format: ")
        assert (event.data, event.stream, event.id_is_position) == (payload, None, True)
    else:
        assert event.type
        assert event.aggregate_id
        assert event.aggregate_type
        assert event.aggregate_id.encode()


def test_reading_leaves_the_message_as_it_was() -> None:
    properties = {"ce_id": "1"}
    original = message(b"x", properties=properties)
    read_event(original)
    assert (original.payload, original.properties) == (b"x", {"ce_id": "1"})
