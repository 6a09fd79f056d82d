"""An event as one line: its story is filled in and masked value by value, and it renders without a request."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from dashboard.privacy import MASKED, AccessProfile
from dashboard.rendering import build_line, plain_story, render_row
from dashboard.rendering.story import NOT_GIVEN, UNREADABLE
from dashboard.rendering.url_segments import unsegment
from eventstore.config.loading import parse_config
from eventstore.envelope import read_event
from eventstore.model.events import Event, Message, Position
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Missing, Row
from tests.hostile import NAMES, PAYLOADS, message

SUPPORT = AccessProfile(name="support", sees_values=True)
VIEWER = AccessProfile(name="viewer", sees_values=False)
PLACE = Position(topic="public/default/documents", partition=2, token="0118", label="118:4021:3")
STORIES = """
[stories]
DocumentUploaded = "Document uploaded by {data.by} for {aggregateid} ({subject})"
Deep = "Deep {data.a.b}"
Odd = "Sum {data.abs(name)} and {{braces}}"
"""


def event(type: str = "DocumentUploaded", data: bytes = b'{"by": "the practice"}', **more: Any) -> Event:
    at = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)
    key = more.pop("key", "4711")
    attributes = {"subject": "Mrs Miller", "aggregateid": "4711"}
    fields: dict[str, Any] = {"id": "e-1", "time": at, "aggregate_type": "patient", "aggregate_id": "4711"} | more
    stored = Message(position=PLACE, payload=data, published=at, key=key)
    return Event(message=stored, data=data, type=type, attributes=attributes, **fields)


def pointer(**more: Any) -> Pointer:
    at = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)
    fields: dict[str, Any] = {"version": 16, "aggregate_type": "patient", "aggregate_id": "4711"} | more
    return Pointer(position=PLACE, ordinal=5, event_id="e-1", type="DocumentUploaded", time=at, published=at, size=9, **fields)


def row(shown: Event) -> Row:
    return Row(position=PLACE, event=shown, pointer=pointer())


@pytest.fixture(autouse=True)
def stories(settings: Any) -> None:
    settings.EVENTDESK = parse_config(STORIES, "stories.toml")


def test_a_story_is_filled_from_payload_and_attributes() -> None:
    line = build_line(row(event()), SUPPORT)
    assert plain_story(line.pieces) == "Document uploaded by the practice for 4711 (Mrs Miller)"


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (b'["GP", "nurse", 3, true, null]', "GP, nurse, 3, true, null"),
        (b"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
        (b"[]", NOT_GIVEN),
        (b"1.5", "1.5"),
    ],
)
def test_a_story_names_simple_values_and_lists_of_them(by: bytes, said: str) -> None:
    line = build_line(row(event(data=b'{"by": ' + by + b"}")), SUPPORT)
    assert plain_story(line.pieces) == f"Document uploaded by {said} for 4711 (Mrs Miller)"
    assert not line.new_shape


@pytest.mark.parametrize(
    "by",
    [
        b'{"name": "Mrs Miller", "born": 1970}',
        b'[{"name": "Mrs Miller"}]',
        b'["GP", ["Mrs Miller"]]',
        b"{}",
        b'"{\\"name\\": \\"Mrs Miller\\"}"',
        b'" [\\"Mrs Miller\\"]"',
    ],
)
def test_a_value_of_another_shape_than_a_line_can_show_leaves_the_types_own_words_and_a_mark(by: bytes) -> None:
    line = build_line(row(event(data=b'{"by": ' + by + b"}")), SUPPORT)
    assert (plain_story(line.pieces), line.new_shape) == ("Document uploaded", True)
    assert "new shape</span>" in str(render_row(line)) and "Miller" not in str(render_row(line))
    assert not build_line(row(event(data=b'{"by": ' + by + b"}")), VIEWER).new_shape


def test_each_value_of_a_story_is_masked_on_its_own() -> None:
    line = build_line(row(event()), VIEWER)
    assert line.pieces == ("Document uploaded by ", MASKED, " for ", "4711", " (", MASKED, ")")


@pytest.mark.parametrize("data", [b"", b"[1]", b'{"by": null}'])
def test_a_value_that_is_not_there_is_said_to_be_missing(data: bytes) -> None:
    line = build_line(row(event(data=data)), SUPPORT)
    assert plain_story(line.pieces).startswith(f"Document uploaded by {NOT_GIVEN} for 4711")


@pytest.mark.parametrize("data", [b"\xff", b"{", b"[" * 50_000])
def test_a_payload_that_nobody_can_parse_leaves_the_types_own_words_and_says_so(data: bytes) -> None:
    line = build_line(row(event(data=data)), SUPPORT)
    assert (line.pieces, line.payload_unreadable) == (("Document uploaded",), True)
    assert "payload not readable" in render_row(line)


def test_whether_a_payload_can_be_parsed_is_hidden_from_whoever_sees_none() -> None:
    broken, sound = (build_line(row(event(data=data)), VIEWER) for data in (b"{", b"{}"))
    assert broken == sound


def test_a_payload_too_long_for_a_story_leaves_the_types_own_words() -> None:
    line = build_line(row(event(data=b'{"by": "x"}' + b" " * 300_000)), SUPPORT)
    assert (line.pieces, line.payload_unreadable) == (("Document uploaded",), False)


@pytest.mark.parametrize(("late", "said"), [(0, False), (60, False), (61, True), (-61, True)])
def test_the_publish_time_is_said_where_it_is_another(late: int, said: bool) -> None:
    happened = datetime(2026, 11, 22, 21, 10, tzinfo=UTC) - timedelta(seconds=late)
    line = build_line(row(event(time=happened)), SUPPORT)
    assert ("published" in render_row(line)) is said


def test_a_line_offers_its_position_for_copying() -> None:
    assert 'data-copy="documents-2 118:4021:3"' in render_row(build_line(row(event()), SUPPORT))


def test_whether_a_value_is_there_is_hidden_too() -> None:
    assert build_line(row(event(data=b"{}")), VIEWER).pieces == build_line(row(event()), VIEWER).pieces


def test_a_function_that_the_payload_does_not_suit_is_a_new_shape_and_no_error() -> None:
    line = build_line(row(event(type="Odd", data=b'{"name": "x"}')), SUPPORT)
    assert (plain_story(line.pieces), line.new_shape) == ("Odd", True)


def test_a_long_value_is_shortened() -> None:
    line = build_line(row(event(data=b'{"by": "' + b"x" * 10_000 + b'"}')), SUPPORT)
    assert len(plain_story(line.pieces)) < 200


def test_without_a_template_the_type_speaks_for_itself() -> None:
    line = build_line(row(event(type="com.example.events.user.created")), VIEWER)
    assert line.pieces == ("User created",)


def test_a_pointer_alone_tells_what_the_index_knows() -> None:
    line = build_line(Row(position=PLACE, pointer=pointer()), SUPPORT)
    assert line.pieces == ("Document uploaded",)
    assert line.missing is Missing.NOTHING
    assert line.version == 16


def test_an_event_without_a_pointer_is_not_indexed_yet() -> None:
    line = build_line(Row(position=PLACE, event=event()), SUPPORT)
    assert line.unindexed
    assert line.version is None


def test_what_fits_no_envelope_says_why_and_belongs_to_nobody() -> None:
    line = build_line(row(event(type="", problem="unrecognised format: it has no type")), SUPPORT)
    assert line.pieces == (UNREADABLE,)
    assert (line.aggregate_id, line.aggregate_url) == ("", "")
    assert "no type" in line.problem


def test_the_key_is_an_id_only_where_it_is_the_aggregates() -> None:
    assert build_line(row(event()), VIEWER).key == "4711"
    assert build_line(row(event(key="user_4711")), VIEWER).key is MASKED
    assert build_line(row(event(problem="unrecognised format")), VIEWER).key is MASKED
    assert build_line(row(event(problem="unrecognised format")), SUPPORT).key == "4711"


def test_a_line_renders_without_a_request_and_names_what_scripts_look_for() -> None:
    html = render_row(build_line(row(event()), SUPPORT))
    assert html.strip().startswith("<tr ")
    for attribute in (
        'data-event-id="e-1"',
        'data-aggregate-id="4711"',
        'data-aggregate-type="patient"',
        'data-position="0118@2@public/default/documents"',
        'data-version="16"',
    ):
        assert attribute in html


def test_a_masked_line_holds_nothing_of_a_value() -> None:
    html = render_row(build_line(row(event()), VIEWER))
    assert "practice" not in html
    assert "Miller" not in html
    assert html.count('aria-label="hidden"') == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("viewer", [SUPPORT, VIEWER], ids=["support", "viewer"])
def test_hostile_names_are_escaped_and_their_links_lead_back(name: str, viewer: AccessProfile) -> None:
    stored = message(name, b"{}")
    read = read_event(Message(position=PLACE, payload=b"{}", published=PUBLISHED, key=name, properties=stored.properties))
    line = build_line(Row(position=PLACE, event=read), viewer)
    html = render_row(line)
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in html.replace(name_in_attributes(name), "")
    address = urlsplit(line.url)
    assert unsegment(unquote(address.path).removeprefix("/events/").removesuffix("/")) == name
    assert Position.decode(parse_qs(address.query)["at"][0]) == PLACE
    type_and_id = line.aggregate_url.removeprefix("/aggregates/").removesuffix("/").split("/")
    assert [unsegment(part) for part in type_and_id] == [name, name]


def name_in_attributes(name: str) -> str:
    """Attributes hold the exact name for scripts. Only visible text must not change the writing direction."""
    from django.utils.html import escape

    return escape(name)


@pytest.mark.parametrize("label", sorted(PAYLOADS))
def test_no_payload_breaks_a_line(label: str) -> None:
    for type in ("DocumentUploaded", "Deep", "Odd", "Other"):
        html = render_row(build_line(row(event(type=type, data=PAYLOADS[label])), SUPPORT))
        assert "<script" not in html
        assert len(html) < 5_000


PUBLISHED = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Missing.AWAY, "payload not readable now"),
        (Missing.TRIMMED, "payload trimmed"),
        (Missing.OTHER, "another event lies there now"),
    ],
)
def test_a_line_says_why_its_payload_is_missing(missing: Missing, words: str) -> None:
    line = build_line(Row(position=PLACE, pointer=pointer(), missing=missing), SUPPORT)
    assert words in render_row(line)
