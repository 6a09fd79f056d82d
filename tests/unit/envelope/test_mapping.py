"""Raw messages read through the mapping of their topic."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventstore.config.loading import load_config, parse_config
from eventstore.envelope import TopicMapping, read_event
from eventstore.envelope.mapping import mapping_for
from eventstore.model.events import Event
from eventstore.samples.health import oldest_form
from tests.unit.messages import CE, DOCUMENT, PUBLISHED, json, message, stored

ROOT = Path(__file__).resolve().parents[3]
OLDEST = load_config(str(ROOT / "examples/oldest-form.toml")).mappings
USER = "user_0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55"
CREATED = json({"eventType": "com.example.events.user.created", "email": "alma@example.org"})


def mappings(text: str, topics: str = '["patients"]') -> tuple[TopicMapping, ...]:
    return parse_config(f"[[mapping]]\ntopics = {topics}\n{text}\n", "desk.toml").mappings


def read(text: str, payload: bytes = b"{}", key: str | None = "4711", properties: Mapping[str, str] | None = None) -> Event:
    return read_event(message(payload, key=key, properties=properties), mappings(text))


@pytest.mark.parametrize("topic", ["users", "public/default/users", "persistent://old/one/users"])
def test_the_oldest_form_is_read_by_the_shipped_example(topic: str) -> None:
    event = read_event(message(CREATED, key=USER, topic=topic), OLDEST)
    assert event.problem == ""
    assert event.type == "com.example.events.user.created"
    assert (event.aggregate_type, event.aggregate_id) == ("user", "0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55")
    assert (event.id, event.id_is_position) == (event.position.encode(), True)
    assert event.time == PUBLISHED
    assert event.notes == (
        "There is no event id in this message: its position stands in for it.",
        "There is no time in this event: the publish time stands in for it.",
    )
    assert (event.data, event.content_type) == (CREATED, "application/json")


def test_the_documentation_shows_the_shipped_example_as_it_is() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/envelope.md").read_text(encoding="utf-8"), re.DOTALL)
    for example in ("oldest-form", "eventdesk", "demo"):
        assert shown in (ROOT / f"examples/{example}.toml").read_text(encoding="utf-8")


def test_every_generated_message_of_the_oldest_form_is_read() -> None:
    events = [read_event(stored(new, topic="users"), OLDEST) for new in oldest_form(3, 30)]
    assert len(events) > 30
    assert not [event.problem for event in events if event.problem]
    assert len({event.aggregate_id for event in events}) == 30


@pytest.mark.parametrize(
    ("key", "payload", "why"),
    [
        ("4711", CREATED, "its key does not fit the pattern that its topic's mapping has for aggregate"),
        (USER, b"\xff", "its payload is not JSON, which its topic's mapping reads"),
        (USER, b"", "its payload is not JSON, which its topic's mapping reads"),
        (USER, b'{"eventTyp": "x"}', "its topic's mapping finds no type in it"),
        (USER, b'{"eventType": {"name": "x"}}', "its topic's mapping finds no type in it"),
        (USER, b"[1]", "its topic's mapping finds no type in it"),
        (None, CREATED, "it has neither an aggregate id by its topic's mapping nor a key"),
        (USER, b"[" * 10_000 + b"]" * 10_000, "its JSON is nested too deeply for its topic's mapping to read"),
        ("user_\ud800", CREATED, "its key does not fit the pattern that its topic's mapping has for aggregate"),
        ("user_" + "x" * 1025, CREATED, "its aggregate id is longer than 1,024 bytes of UTF-8"),
    ],
)
def test_what_is_not_the_oldest_form_after_all_says_why(key: str | None, payload: bytes, why: str) -> None:
    event = read_event(message(payload, key=key, topic="users"), OLDEST)
    assert event.problem == f"unrecognised format: {why}"
    assert event.data == payload


def test_an_envelope_goes_before_the_mapping() -> None:
    assert read_event(message(CREATED, key=USER, topic="users", properties=CE), OLDEST).type == "PatientRegistered"
    assert read_event(message(json(DOCUMENT), key=USER, topic="users"), OLDEST).type == "PatientRegistered"


def test_what_only_looks_like_a_cloudevent_is_left_to_the_mapping() -> None:
    payload = json({"specversion": "1.0", "eventType": "t"})
    assert read_event(message(payload, key=USER, topic="users"), OLDEST).type == "t"


def test_every_source_fills_its_part() -> None:
    event = read(
        """
        aggregate_type = { from = "value", value = "device" }
        aggregate_id = { from = "property", name = "entity" }
        id = { from = "json", path = "ids[0]" }
        type = { from = "topic" }
        version = { from = "json", path = "version" }
        time = { from = "json", path = "at" }
        correlation_id = { from = "key" }
        causation_id = { from = "json", path = "urgent" }
        """,
        json({"ids": ["m-1"], "version": 12, "at": "2020-02-29T12:00:00+01:00", "urgent": True}),
        properties={"entity": "d-1"},
    )
    assert (event.problem, event.notes, event.id_is_position) == ("", (), False)
    assert (event.aggregate_type, event.aggregate_id, event.id, event.type) == ("device", "d-1", "m-1", "patients")
    assert (event.sequence, event.correlation_id, event.causation_id) == ("12", "4711", "true")
    assert event.time == datetime(2020, 2, 29, 11, tzinfo=UTC)


def test_a_mapping_that_reads_no_json_takes_any_payload() -> None:
    event = read('type = { from = "value", value = "Blob" }', b"\x00\xff")
    assert (event.problem, event.type, event.data, event.content_type) == ("", "Blob", b"\x00\xff", "")


def test_a_pattern_must_fit_the_whole_text() -> None:
    text = 'type = { from = "json", path = "t", pattern = "v1[.](?P<type>[A-Z][a-z]+)" }'
    assert read(text, b'{"t": "v1.Created"}').type == "Created"
    assert "does not fit the pattern" in read(text, b'{"t": "v1.Created!"}').problem


def test_a_part_without_a_group_of_its_own_keeps_the_whole_text() -> None:
    event = read(
        'type = { from = "json", path = "t", pattern = "(?P<aggregate_type>[a-z]+)[.].*" }', b'{"t": "device.linked"}'
    )
    assert (event.type, event.aggregate_type) == ("device.linked", "device")


def test_an_optional_part_whose_pattern_does_not_fit_is_missing() -> None:
    text = 'type = { from = "topic" }\nid = { from = "property", name = "m", pattern = "m-(?P<id>[0-9]+)" }'
    assert read(text, properties={"m": "m-12"}).id == "12"
    assert read(text, properties={"m": "12"}).id_is_position
    assert read(text).id_is_position


def test_an_absent_source_of_the_aggregate_falls_back_to_key_and_topic() -> None:
    sources = 'aggregate_id = { from = "property", name = "e" }\naggregate_type = { from = "json", path = "t" }'
    event = read('type = { from = "topic" }\n' + sources, key="k-1")
    assert (event.aggregate_type, event.aggregate_id) == ("patients", "k-1")


def test_a_function_that_the_payload_does_not_suit_finds_nothing() -> None:
    assert read('type = { from = "json", path = "length(@.n)" }', b'{"n": 5}').problem.endswith("finds no type in it")
    assert read('type = { from = "json", path = "join(\'.\', @.n)" }', b'{"n": ["a", "b"]}').type == "a.b"


def test_the_first_mapping_that_fits_the_topic_wins() -> None:
    both = mappings('type = { from = "key" }', '["b*"]') + mappings('type = { from = "topic" }', '["public/*/x?", "*"]')
    assert mapping_for("public/default/bills", both) is both[0]
    assert mapping_for("bills", both) is both[0]
    assert mapping_for("public/default/xs", both) is both[1]
    assert mapping_for("public/default/Bills", both[:1]) is None


def test_json_is_read_as_its_grammar_allows_and_no_further() -> None:
    text = 'type = { from = "json", path = "t" }\nversion = { from = "json", path = "v" }'
    assert read(text, b'{"t": "a", "half": "\\ud800", "v": 18446744073709551617}').sequence == "18446744073709551617"
    assert read(text, b'{"t": "a", "v": 1e999}').sequence == ""
    assert read(text, b'{"t": "a", "v": 2.5}').sequence == "2.5"
    assert read(text, b'{"t": "\\ud800"}').problem.endswith("its type is not Unicode text (it holds half of a surrogate pair)")
    assert "not JSON" in read(text, b'{"t": "a", "v": NaN}').problem
    assert "not JSON" in read(text, b'{"t": "a", "v": %s}' % (b"9" * 5000)).problem


def test_a_wasteful_pattern_stays_linear() -> None:
    event = read('type = { from = "json", path = "t", pattern = "(?P<type>(a+)+)b" }', b'{"t": "' + b"a" * 200_000 + b'"}')
    assert "does not fit the pattern" in event.problem
