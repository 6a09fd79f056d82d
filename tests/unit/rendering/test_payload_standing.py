"""Erased, crypto-shredded, encrypted, empty, null and masked payloads look different in lines, in JSON and on pages."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test.utils import override_settings

from dashboard.privacy import AccessProfile
from dashboard.rendering import build_line, event_as_json, payload_of_event, render_row
from eventstore.config import PayloadStanding, standing_of
from eventstore.config.loading import parse_config
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.events import NOTHING, Event, Message, Position
from eventstore.streams import Row
from tests.unit.messages import PUBLISHED

SEES = AccessProfile(name="support", sees_values=True)
MASKED = AccessProfile(name="viewer", sees_values=False)
DECLARED = """
[[payload]]
topics = ["patients"]
encrypted = "keyid"
shredded = "keydestroyed"
erased = "erased"
"""
CONFIG = parse_config(DECLARED, "payloads.toml")
AT = Position(topic="a/b/patients", partition=0, token="1", label="1:0")


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    with override_settings(EVENTDESK=CONFIG):
        yield


def event(data: bytes = b'{"name":"Erika"}', attributes: Mapping[str, str] = NOTHING, **message: Any) -> Event:
    sent = Message(position=AT, payload=data, published=PUBLISHED, **message)
    return Event(message=sent, id="e-1", type="patient.seen", time=PUBLISHED, data=data, attributes=attributes)


CASES = [
    (event(), "", ""),
    (event(b"", null=True), "erased", "erased"),
    (event(attributes={"erased": "2026-01-01"}), "erased", "erased"),
    (event(attributes={"keyid": "k-1", "keydestroyed": "true"}), "crypto-shredded", "crypto-shredded"),
    (event(properties={"keydestroyed": "yes"}), "crypto-shredded", "crypto-shredded"),
    (event(b"\x8f", encrypted=True), "encrypted", "encrypted"),
    (event(b"\x8f", encrypted=True, properties={"keydestroyed": "1"}), "crypto-shredded", "crypto-shredded"),
    (event(attributes={"keyid": "k-1"}), "encrypted", "encrypted"),
    (event(attributes={"keyid": "k-1", "keydestroyed": "false", "erased": " 0 "}), "encrypted", "encrypted"),
    (event(b""), "empty", ""),
    (event(b" null\n"), "null", ""),
    (event(b'"null"'), "", ""),
    (event(b"", problem="it cannot be read at all"), "", ""),
]
MARKS = {"empty": "empty payload", "null": "payload is null"}


@pytest.mark.parametrize(("one", "sees", "masked"), CASES)
def test_each_stands_as_it_is_and_only_what_is_no_value_is_told_to_everybody(one: Event, sees: str, masked: str) -> None:
    for profile, standing in ((SEES, sees), (MASKED, masked)):
        mark = MARKS.get(standing, standing)
        line = build_line(Row(position=AT, event=one), profile)
        assert (line.standing.value, line.payload_mark) == (standing, mark)
        badge = f'<span class="badge" data-payload="{standing}">{mark}</span>'
        assert (badge in render_row(line)) is bool(standing)
        assert json.loads(event_as_json(one, profile)).get("payload", "") == standing
        shown = payload_of_event(one, profile, 1_000)
        assert (shown.standing.value, shown.mark) == (standing, mark)


def test_the_events_page_says_why_each_in_its_own_words() -> None:
    notes = [payload_of_event(one, SEES, 1_000).note for one, standing, _ in CASES if standing]
    assert all(notes)
    assert len({payload_of_event(one, SEES, 1_000).note for one in (event(b"", null=True), event(b""), event(b"null"))}) == 3
    assert "no key" in payload_of_event(event(b"\x8f", encrypted=True), SEES, 1_000).note
    assert "destroyed" in payload_of_event(event(properties={"keydestroyed": "1"}), MASKED, 1_000).note


def test_what_is_shredded_is_shown_as_it_is_stored_to_those_alone_who_may_see_it() -> None:
    one = event(b'{"name":"c2VjcmV0"}', {"keydestroyed": "1"})
    assert "c2VjcmV0" in payload_of_event(one, SEES, 1_000).html
    masked = payload_of_event(one, MASKED, 1_000)
    assert (masked.kind, masked.html) == ("hidden", "")


def test_other_topics_and_no_declaration_say_nothing() -> None:
    one = event(attributes={"keydestroyed": "1"})
    assert standing_of(one, ()) is PayloadStanding.THERE
    elsewhere = parse_config(DECLARED.replace("patients", "documents"), "payloads.toml")
    assert standing_of(one, elsewhere.payloads) is PayloadStanding.THERE


def test_a_declaration_without_topics_does_not_start() -> None:
    with pytest.raises(InvalidConfiguration, match=r"payloads.toml, line \d+: payload\[0\]"):
        parse_config('[[payload]]\nerased = "x"\n', "payloads.toml")
