"""The first message of a tail's client is accepted, or refused with a reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.sockets.tail.begin import MOST_LAST, MOST_TOPICS, InvalidBegin, decode_acknowledgement, parse_begin
from eventstore.model.events import Position

SINCE = datetime(2026, 1, 31, 9, 20, 39, tzinfo=UTC)


def test_an_address_with_a_topic_needs_nothing_more() -> None:
    begin = parse_begin({}, "t")
    assert (begin.topics, begin.aggregate, begin.filter) == (("t",), None, "")
    assert begin.start.now


def test_topics_are_named_once_each_and_an_aggregate_may_stand_alone() -> None:
    assert parse_begin({"topics": ["a", "b", "a"]}).topics == ("a", "b")
    begin = parse_begin({"aggregate": {"type": "patient", "id": '4/7"11'}})
    assert (begin.topics, begin.aggregate) == ((), ("patient", '4/7"11'))
    assert parse_begin({"aggregate": {"type": "", "id": "x"}}, "t").aggregate == ("", "x")


@pytest.mark.parametrize("written", ["2026-01-31T09:20:39Z", "2026-01-31T10:20:39+01:00", "2026-01-31T09:20:39.000000+00:00"])
def test_a_time_is_an_instant(written: str) -> None:
    assert parse_begin({"from": {"time": written}}, "t").start.since == SINCE


def test_a_position_a_number_and_places_are_taken_as_they_are() -> None:
    position = Position(topic="a@b", partition=3, token="07")
    assert parse_begin({"from": {"position": position.encode()}}, "t").start.position == position
    assert parse_begin({"from": {"last": 1}}, "t").start.last == 1
    assert parse_begin({"from": {"last": MOST_LAST}}, "t").start.last == MOST_LAST
    places = {"public/default/a#b#0": "07", "t#12": ""}
    assert parse_begin({"from": {"places": places}}, "t").start.places == places
    assert parse_begin({"from": {"places": {}}}, "t").start.places == {}


NONSENSE: list[Any] = [
    {"aggregate": {"type": "patient", "id": "4\x0011"}},
    {"aggregate": {"type": "\x00", "id": "4711"}},
    {"aggregate": {"type": "patient", "id": "\ud800"}},
    None,
    [],
    "now",
    0,
    {"form": "now"},
    {"from": None},
    {"from": "yesterday"},
    {"from": {}},
    {"from": []},
    {"from": {"time": "2026-01-31"}},
    {"from": {"time": "2026-01-31T09:20:39"}},
    {"from": {"time": "0001-01-01T00:00:00+14:00"}},
    {"from": {"time": "9999-12-31T23:59:59-14:00"}},
    {"from": {"time": "soon"}},
    {"from": {"time": ""}},
    {"from": {"time": "2026-01-31T09:20:39Z" + " " * 1000}},
    {"from": {"time": 1769851239}},
    {"from": {"time": "2026-01-31T09:20:39Z", "last": 5}},
    {"from": {"position": "nowhere"}},
    {"from": {"position": "../@0@t"}},
    {"from": {"position": "07@99999999999@t"}},
    {"from": {"last": 0}},
    {"from": {"last": -1}},
    {"from": {"last": MOST_LAST + 1}},
    {"from": {"last": True}},
    {"from": {"last": 1.5}},
    {"from": {"last": "5"}},
    {"from": {"places": []}},
    {"from": {"places": {"0": ""}}},
    {"from": {"places": {"t#": ""}}},
    {"from": {"places": {"#0": ""}}},
    {"from": {"places": {"t#-1": ""}}},
    {"from": {"places": {"t#0": 5}}},
    {"from": {"places": {"t#²": ""}}},
    {"from": {"places": {f"t#{number}": "" for number in range(10_001)}}},
    {"topics": ["other"]},
    {"topics": "other"},
    {"topics": [5]},
    {"topics": [""]},
    {"aggregate": "patient/4711"},
    {"aggregate": {"type": "patient"}},
    {"aggregate": {"type": "patient", "id": ""}},
    {"aggregate": {"type": "patient", "id": "4711", "topic": "t"}},
    {"aggregate": {"type": "patient", "id": "x" * 1025}},
    {"filter": None},
    {"filter": ["type:a"]},
]


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_refused_with_a_sentence(said: Any) -> None:
    with pytest.raises(InvalidBegin) as refused:
        parse_begin(said, "t")
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("said", [{}, {"topics": []}, {"topics": ["t"] * (MOST_TOPICS + 1)}, {"filter": "type:a"}])
def test_somebody_must_say_what_to_watch_and_not_too_much_of_it(said: Any) -> None:
    with pytest.raises(InvalidBegin):
        parse_begin(said)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"ack":7,"mark":"abc"}', (7, "abc")),
        (b' { "mark": "\\u00fc", "ack": 0 } ', (0, "\u00fc")),
        (b'{"ack":7}', None),
        (b'{"ack":true,"mark":"abc"}', None),
        (b'{"ack":7,"mark":null}', None),
        (b'{"ack":7,"mark":"abc","begin":{}}', None),
        (b'{"filter":"x"}', None),
        (b"[7]", None),
        (b"{", None),
        (b'{"ack":7,"mark":"\xff"}', None),
        (b"[" * 125, None),
    ],
)
def test_an_acknowledgement_is_told_from_everything_else(text: bytes, told: tuple[int, str] | None) -> None:
    assert decode_acknowledgement(text) == told
