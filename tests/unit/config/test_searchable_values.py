"""Searchable values: what the index keeps of a payload, and how it is looked up."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventstore.config.loading import load_config, parse_config
from eventstore.config.searchable_values import (
    MOST_BYTES,
    MOST_VALUES,
    Searchable,
    lookup_forms,
    normalised,
    searchable_for,
    values_of,
)
from eventstore.envelope import read_event
from eventstore.envelope.write import document_to_message
from eventstore.model.errors import InvalidConfiguration
from eventstore.samples.health import health_history, oldest_form
from tests.examples import examples
from tests.unit.messages import stored
from tests.unit.search.search_events import event, unreadable

ROOT = Path(__file__).resolve().parents[3]
KEY = "only-for-this-test-" + "x" * 40
TOPIC = "public/default/patients"


@cache
def declared(*lines: str, hashed: bool = False) -> tuple[Searchable, ...]:
    """Declarations for patients, each ``name = path``."""
    tables = []
    for line in lines:
        name, _, path = line.partition(" = ")
        tables.append(f'[[searchable]]\ntopics = ["patients"]\nname = "{name}"\npath = {json.dumps(path)}\n')
        tables.append(f"hashed = {str(hashed).lower()}\n")
    return parse_config("\n".join(tables), "desk.toml").searchables


def kept(data: Any, *lines: str) -> list[str]:
    return [value for _, value in values_of(event(data), declared(*lines), KEY)]


def test_a_value_is_hashed_unless_the_configuration_says_otherwise() -> None:
    text = '[[searchable]]\ntopics = ["patients"]\nname = "email"\npath = "email"\n'
    ((name, value),) = values_of(event({"email": "max@example.org"}), parse_config(text, "desk.toml").searchables, KEY)
    assert name == "email"
    assert value.startswith("h:")
    assert "max" not in value


def test_the_hash_never_changes_for_the_same_key() -> None:
    """It lies in indexes: another hash would find nothing of what is there."""
    ((_, value),) = values_of(event({"a": "Max "}), declared("email = a", hashed=True), KEY)
    assert value == "h:c44f1512644325aa229df21451622296"
    assert value == lookup_forms("max", declared("email = a", hashed=True), KEY)[0][1]


def test_another_key_another_name_and_another_value_have_another_hash() -> None:
    hashes = {
        values_of(event({"a": value}), declared(f"{name} = a", hashed=True), key)
        for value in ("x", "y")
        for name in ("one", "two")
        for key in (KEY, KEY + "!", "z" * 500)
    }
    assert len({value for ((_, value),) in hashes}) == 12


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({"a": "  Max MÜLLER\n"}, "a", ["max müller"]),
        ({"a": "Mu\u0308ller"}, "a", ["müller"]),
        ({"a": 4711}, "a", ["4711"]),
        ({"a": 100.0}, "a", ["100"]),
        ({"a": 1.5}, "a", ["1.5"]),
        ({"a": True, "b": False}, "[a, b]", ["true", "false"]),
        ({"a": ["x", 1, "X", None, ["y"], {"z": 1}, ""]}, "a", ["x", "1"]),
        ({"a": {"b": "deep"}}, "a.b", ["deep"]),
        ({"a": [{"b": "x"}, {"b": "y"}]}, "a[].b", ["x", "y"]),
        ({"a": {"b": "object"}}, "a", []),
        ({"a": None}, "a", []),
        ({"b": "x"}, "a", []),
        ({"a": "  "}, "a", []),
        ({"a": "x\0y"}, "a", []),
        ([{"a": "x"}], "a", []),
        ({"a": "x" * MOST_BYTES}, "a", ["x" * MOST_BYTES]),
        ({"a": "x" * (MOST_BYTES + 1)}, "a", []),
        ({"a": "ü" * (MOST_BYTES // 2 + 1)}, "a", []),
        ({"a": "x" * 100_000}, "a", []),
        ({"a": 1}, "length(a)", []),
        ({"a": "x"}, "sum(a)", []),
        (b'{"a": "\\ud800"}', "a", []),
        (b'{"a": 1e999}', "a", []),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a", []),
        (b'{"a": ' + b"9" * 400 + b"}", "a", []),
        (b"", "a", []),
        (b"\x00\xff", "a", []),
        (b'{"a":' * 50_000, "a", []),
        (b'{"a": "x"}' + b" " * 1_000_000, "a", []),
    ],
)
def test_what_is_kept_of_a_value(data: Any, path: str, expected: list[str]) -> None:
    assert kept(data, f"v = {path}") == expected


def test_an_event_keeps_so_many_values_and_no_more() -> None:
    many = [f"v{number}" for number in range(MOST_VALUES + 5)]
    assert kept({"a": many, "b": "other"}, "one = a", "two = b") == many[:MOST_VALUES]
    assert kept({"a": many[: MOST_VALUES - 1], "b": "other"}, "one = a", "two = b") == [*many[: MOST_VALUES - 1], "other"]


def test_one_value_under_one_name_is_kept_once() -> None:
    found = values_of(event({"a": "x", "b": "X"}), declared("v = a", "v = b", "w = b"), KEY)
    assert found == (("v", "x"), ("w", "x"))


def test_nothing_is_kept_of_what_fits_no_envelope_nor_of_another_topic() -> None:
    searchables = declared("v = a")
    assert values_of(unreadable(b'{"a": "x"}'), searchables, KEY) == ()
    assert values_of(event({"a": "x"}, topic="public/default/other"), searchables, KEY) == ()
    assert values_of(event({"a": "x"}), (), KEY) == ()


def test_every_declaration_that_fits_the_topic_counts() -> None:
    config = parse_config(
        "".join(
            f'[[searchable]]\ntopics = ["{topic}"]\nname = "v{number}"\npath = "a"\n'
            for number, topic in enumerate(["pat*", "public/*/patients", "documents", "patients"])
        ),
        "desk.toml",
    )
    assert [searchable.name for searchable in searchable_for(TOPIC, config.searchables)] == ["v0", "v1", "v3"]
    assert searchable_for("public/default/none", config.searchables) == ()


def test_a_typed_text_is_looked_up_under_every_name() -> None:
    searchables = (*declared("a = x", "b = y", "a = z"), *declared("c = x", hashed=True))
    forms = lookup_forms(" MAX ", searchables, KEY)
    assert forms[:2] == [("a", "max"), ("b", "max")]
    assert [name for name, _ in forms] == ["a", "b", "c"]
    assert forms[2][1].startswith("h:")


def test_a_number_is_found_however_it_is_typed() -> None:
    searchables = declared("a = x")
    for typed in ("100", "100.0", "1e2", " 100 "):
        assert ("a", kept({"x": 100.0}, "a = x")[0]) in lookup_forms(typed, searchables, KEY), typed
    assert lookup_forms("007", searchables, KEY) == [("a", "007"), ("a", "7")]


@pytest.mark.parametrize("typed", ["", "   ", "x\0", "\ud800", "x" * 10_000, "9" * 1_000_000])
def test_what_is_never_kept_is_never_looked_up(typed: str) -> None:
    assert lookup_forms(typed, declared("a = x"), KEY) == []


def test_without_a_key_nothing_is_hashed_but_refused() -> None:
    searchables = declared("email = a", hashed=True)
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_HASH_KEY"):
        values_of(event({"a": "max@example.org"}), searchables, "")
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_HASH_KEY"):
        lookup_forms("max@example.org", searchables, "")
    assert lookup_forms("x", declared("a = x"), "") == [("a", "x")]


@settings(max_examples=examples(500), deadline=None, print_blob=True)
@given(st.text(max_size=80), st.booleans())
@example("ΐ", False)
@example("İ", True)
@example("ß\u0345", False)
def test_whatever_is_kept_is_found_by_typing_it(text: str, hashed: bool) -> None:
    searchables = declared("v = a", hashed=hashed)
    found = values_of(event(json.dumps({"a": text}).encode()), searchables, KEY)
    assert list(found) == lookup_forms(text, searchables, KEY)[: len(found)]
    for typed in (f"  {text}\t", text.upper(), text.casefold()):
        if normalised(typed) == normalised(text):
            assert set(found) <= set(lookup_forms(typed, searchables, KEY))
    assert normalised(normalised(text)) == normalised(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=examples(300), deadline=None, print_blob=True)
@given(
    JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50),
    st.sampled_from(["a", "a.b", "a[].b", "*", "@", "a[0]", "length(@)"]),
)
def test_no_payload_breaks_it(data: bytes, path: str) -> None:
    for name, value in values_of(event(data), declared(f"v = {path}"), KEY):
        assert name == "v"
        assert 0 < len(value.encode()) <= MOST_BYTES
        assert "\0" not in value


def test_a_plain_path_and_jmespath_find_the_same() -> None:
    for data in ({"a": {"b": "x"}}, {"a": [{"b": "x"}]}, {"a": "x"}, ["a"], "a", None, {"a": {"b": ["x", "y"]}}):
        (plain,) = declared("v = a.b")
        assert plain.plain_path == ("a", "b")
        by_jmespath = msgspec.structs.replace(plain, plain_path=())
        assert values_of(event(data), (plain,), KEY) == values_of(event(data), (by_jmespath,), KEY)


def test_the_demo_finds_a_patient_by_email_and_an_event_by_its_document() -> None:
    config = load_config(str(ROOT / "examples/demo.toml"))
    assert {(searchable.name, searchable.hashed) for searchable in config.searchables} == {
        ("email", True),
        ("document", False),
    }
    kept: dict[tuple[str, str], set[str]] = {}
    for document in health_history(4716, 5):
        topic = f"public/default/{str(document['source']).removeprefix('/')}"
        message = stored(document_to_message(msgspec.json.encode(document)), topic)
        for form in values_of(read_event(message, config.mappings), config.searchables, KEY):
            kept.setdefault(form, set()).add(str(document["aggregateid"]))
    registered = next(event for event in health_history(4716, 5) if event["type"] == "PatientRegistered")
    found = [kept[form] for form in lookup_forms(registered["data"]["email"].upper(), config.searchables, KEY) if form in kept]
    assert found == [{registered["aggregateid"]}]
    assert kept["document", "doc-4711-1"] == {"4711"}
    for new in oldest_form(4716, 3):
        (form,) = values_of(read_event(stored(new, "public/default/users"), config.mappings), config.searchables, KEY)
        assert form in lookup_forms(json.loads(new.payload)["email"], config.searchables, KEY)
