"""Personal ids in lines, rows and JSON: by their handles wherever publishers repeat them, for whoever sees no values."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.privacy import AccessProfile, Revealed, handle_of
from dashboard.rendering import aggregate_url, build_line, build_pointer_line, event_as_json, render_row
from dashboard.rendering.tags import value_tag
from dashboard.rendering.text import shorten
from dashboard.sockets.tail.begin import parse_begin
from dashboard.sockets.tail.opening import meant_by
from eventstore.config.loading import parse_config
from eventstore.envelope import read_event
from eventstore.model import Pointer
from eventstore.model.events import Event
from eventstore.streams import Row
from tests.unit.messages import CE, message

ALL = AccessProfile(name="admin", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
ID = "m4711rk7"
CONFIG = """
[stories]
"Patient*" = "{aggregateid}, {correlationid}, {subject}, {data.patient}"

[[mapping]]
topics = ["patients"]
key = "personal"
personal_types = ["patient"]
"""


@pytest.fixture(autouse=True)
def handle(settings: Any) -> str:
    settings.EVENTDESK = parse_config(CONFIG, "desk.toml")
    settings.EVENTDESK_HANDLE_KEY = "k" * 40
    return handle_of("patient", ID)


def an_event() -> Event:
    own = {f"ce_{name}": ID for name in ("aggregateid", "subject", "correlationid", "causationid", "partitionkey")}
    return read_event(message(b'{"patient": "m4711rk7"}', key=ID, properties={**CE, **own, "ce_aggregatetype": "patient"}))


def test_a_line_has_the_handle_and_a_row_of_the_tail_holds_no_id(handle: str) -> None:
    line = build_line(Row(event=an_event(), pointer=None, position=an_event().position), LITTLE)
    assert (line.aggregate_id, line.key) == (handle, handle)
    assert line.aggregate_url == aggregate_url("patient", ID)
    row = render_row(line)
    assert ID not in row
    assert f"/aggregates/patient/{handle}/" in row
    story = "".join(value_tag(piece) for piece in line.pieces)
    assert story.startswith(f"<bdi>{shorten(handle, 24)}</bdi>"), "in full it is beside the line"


def test_whoever_sees_values_sees_the_id_and_follows_the_handle(handle: str) -> None:
    row = render_row(build_line(Row(event=an_event(), pointer=None, position=an_event().position), ALL))
    assert f'title="{ID}"' in row
    assert f'href="/aggregates/patient/{handle}/"' in row


def test_a_line_that_the_index_alone_knows_is_marked_where_a_reveal_shows_its_id(handle: str) -> None:
    at = datetime.now(UTC) + timedelta(minutes=5)
    of = Revealed(kind="aggregate", aggregate_type="patient", aggregate_id=ID, until=at)
    pointer = Pointer(
        position=an_event().position,
        ordinal=5,
        event_id="e-1",
        type="PatientMoved",
        time=at,
        published=at,
        size=9,
        version=1,
        aggregate_type="patient",
        aggregate_id=ID,
    )
    for reveals, shown in (({of}, ID), ({replace(of, aggregate_id="4712")}, handle), (set[Revealed](), handle)):
        line = build_pointer_line(pointer, profile=replace(LITTLE, reveals=frozenset(reveals)))
        assert (line.aggregate_id, line.revealed) == (shown, shown == ID)


def test_json_for_scripts_has_the_handle(handle: str) -> None:
    told = event_as_json(an_event(), LITTLE)
    assert ID.encode() not in told
    named = {name: json.loads(told)[name] for name in ("aggregateid", "correlationid", "causationid", "key")}
    assert set(named.values()) == {handle}
    assert json.loads(event_as_json(an_event(), ALL))["aggregateid"] == ID


def test_a_tail_of_one_aggregate_takes_its_handle_and_the_id_only_by_right(handle: str) -> None:
    def watched(id: str, profile: AccessProfile) -> Any:
        return meant_by(parse_begin({"aggregate": {"type": "patient", "id": id}}), profile).aggregate

    assert watched(handle, LITTLE) == watched(handle, ALL) == watched(ID, ALL) == ("patient", ID)
    assert watched(ID, LITTLE) == watched("m9999", LITTLE) != ("patient", ID)
