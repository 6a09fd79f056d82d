"""A message that holds a batch of CloudEvents becomes an event for each member, each alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from eventstore.drivers.unfolding.members import Unfolded, may_hold_batches, unfold, unfold_backward
from eventstore.drivers.unfolding.reader import UnfoldedReader
from eventstore.envelope import read_event
from eventstore.envelope.documents import MOST_BATCH_BYTES, MOST_COMMAS, MOST_MEMBERS
from eventstore.model.events import Message
from eventstore.model.tokens import inside
from tests.batches import DECLARED, PLAIN, members_of
from tests.unit.messages import CE, gzipped, json, message

THREE = [PLAIN | {"id": f"e{number}", "aggregateid": f"p{number}", "data": {"n": number}} for number in range(3)]


def batch(payload: bytes, properties: Mapping[str, str] = DECLARED) -> Message:
    return message(payload, properties=properties)


def test_each_member_is_an_event_with_its_own_place_number_and_payload_and_nothing_of_the_others() -> None:
    whole = batch(json(THREE))
    found = list(unfold([whole]))
    assert [one.position.token for one in found] == [inside("11", 1), inside("11", 2), "11"]
    assert members_of(found) == [(1, 3), (2, 3), (3, 3)]
    assert [one.payload for one in found] == [json(document) for document in THREE]
    assert {one.member.message_bytes for one in found if one.member} == {len(whole.payload)}
    assert [(one.published, one.key, one.properties) for one in found] == [(whole.published, whole.key, whole.properties)] * 3
    events = [read_event(one) for one in found]
    assert [(one.problem, one.id, one.aggregate_id, one.data) for one in events] == [
        ("", f"e{number}", f"p{number}", b'{"n":%d}' % number) for number in range(3)
    ]
    assert list(unfold_backward([whole])) == found[::-1]


def test_members_are_found_by_their_positions_and_by_no_others() -> None:
    whole = batch(json(THREE))
    unfolded, at = Unfolded(whole), whole.position
    found = [unfolded.at(place) for place in (at.inside(1), at.inside(2), at)]
    assert found == list(unfold([whole]))
    assert [unfolded.at(at.inside(number)) for number in (0, 3, 4)] == [None] * 3
    ordinary = message()
    assert Unfolded(ordinary).at(ordinary.position) is ordinary
    assert Unfolded(ordinary).at(ordinary.position.inside(1)) is None


@pytest.mark.parametrize(
    "properties",
    [
        {"Content-Type": "Application/CloudEvents-Batch+JSON; charset=utf-8"},
        {"contentType": "application/cloudevents-batch+json"},
        {"content_type": '"application/cloudevents-batch+json"'},
    ],
)
def test_however_the_content_type_is_spelled(properties: dict[str, str]) -> None:
    assert len(list(unfold([batch(json(THREE), properties)]))) == 3


@pytest.mark.parametrize("payload", [b"\xef\xbb\xbf" + json(THREE), b" \n\t" + json(THREE)])
def test_a_byte_order_mark_and_white_space_make_no_difference(payload: bytes) -> None:
    assert [read_event(one).id for one in unfold([batch(payload)])] == ["e0", "e1", "e2"]


@pytest.mark.parametrize(
    ("payload", "properties", "said"),
    [
        (gzipped(json(THREE)), DECLARED | {"contentencoding": "gzip"}, "Unpacked from gzip"),
        (json(THREE).decode().encode("utf-16"), {"content-type": DECLARED["content-type"] + "; charset=utf-16"}, "utf-16"),
    ],
)
def test_a_packed_batch_is_unpacked_once_and_each_member_says_so(
    payload: bytes, properties: dict[str, str], said: str
) -> None:
    events = [read_event(one) for one in unfold([batch(payload, properties)])]
    assert [(event.problem, event.id, event.recoded) for event in events] == [("", f"e{number}", None) for number in range(3)]
    assert all(said in event.notes[0] and event.notes[0].startswith("Of the batch") for event in events)


UNOPENED = {
    "one member": json(THREE[:1]),
    "no member": b"[]",
    "no list": json(THREE[0]),
    "no JSON": b"[1,",
    "deep": b"[" * 100_000,
    "too many": b"[" + b",".join([b"1"] * (MOST_MEMBERS + 1)) + b"]",
    "too many commas": b"[" + b"1," * (MOST_COMMAS + 1) + b"1]",
    "too large": b"[1," + b" " * MOST_BATCH_BYTES + b"2]",
    "bomb": gzipped(json([PLAIN | {"data": "x" * 5_000_000}] * 2)),
}


@pytest.mark.parametrize("name", UNOPENED)
def test_what_cannot_be_taken_apart_stays_one_event_that_says_why(name: str) -> None:
    whole = batch(UNOPENED[name], DECLARED | {"contentencoding": "gzip"})
    assert list(unfold([whole])) == [whole]
    event = read_event(whole)
    assert (not event.problem) == (name == "one member")
    assert "batch" in (event.problem or event.notes[0])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (3, "it is not a JSON object"),
        (None, "it is not a JSON object"),
        ("text", "it is not a JSON object"),
        (THREE, "it is not a JSON object"),
        ({"id": {}}, "the attribute id is an object or a list"),
    ],
)
def test_one_bad_member_is_unreadable_alone(bad: object, why: str) -> None:
    events = [read_event(one) for one in unfold([batch(json([THREE[0], bad, THREE[2]]))])]
    assert [event.id for event in events] == ["e0", events[1].position.encode(), "e2"]
    said = "unrecognised format: it is member 2 of 3 in a batch of CloudEvents, but of this member: "
    assert events[1].problem.startswith(said + why)
    assert [event.problem for event in (events[0], events[2])] == ["", ""]


def test_a_member_without_a_required_attribute_is_unreadable_alone() -> None:
    events = [read_event(one) for one in unfold([batch(json([THREE[0], {"id": "x"}]))])]
    assert [bool(event.problem) for event in events] == [False, True]


@pytest.mark.parametrize(
    "whole",
    [
        message(json(THREE)),
        message(json(THREE), properties={"content-type": "application/json"}),
        message(json(THREE), properties=CE | DECLARED),
        replace(batch(json(THREE)), encrypted=True),
        replace(batch(json(THREE)), problem="cannot be read"),
    ],
    ids=["undeclared", "a JSON list", "the data of one event", "encrypted", "unreadable"],
)
def test_nothing_else_is_taken_apart(whole: Message) -> None:
    assert list(unfold([whole])) == [whole]


def test_a_message_on_which_taking_apart_fails_stays_whole_and_is_unreadable() -> None:
    whole = batch(json(THREE), {"content-type": 7})  # type: ignore[dict-item] # no store has that: it stands for the unforeseen
    assert list(unfold([whole])) == [whole]
    assert read_event(whole).problem


def test_ordinary_payloads_are_told_by_their_first_byte() -> None:
    assert not may_hold_batches([message(payload) for payload in (b"", b"{}", b"7", b'"x"', b"\x02\x08abc")])
    assert may_hold_batches([message(b"{}"), message(b"[1]")])


def test_the_largest_batch_is_taken_apart_and_a_larger_one_is_not() -> None:
    assert len(list(unfold([batch(json([1] * MOST_MEMBERS))]))) == MOST_MEMBERS


class Arrived:
    """A reader that gives what has arrived, a list for each call."""

    incarnation = ""

    def __init__(self, *arrived: Sequence[Message] | None) -> None:
        self._arrived = list(arrived)

    def arrived(self, *, limit: int) -> Sequence[Message] | None:
        return self._arrived.pop(0)

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        raise AssertionError("it would wait")

    def call_on_news(self, call: Callable[[], None]) -> bool:
        return False

    def close(self) -> None: ...

    __enter__ = __exit__ = cast(Any, None)


def test_of_a_batch_that_has_arrived_the_members_for_which_there_was_no_room_come_next() -> None:
    reader = UnfoldedReader(Arrived([message(), batch(json(THREE))], [], None))
    found = [reader.arrived(limit=limit) for limit in (2, 0, 9, 9, 9)]
    assert [members_of(one or ()) for one in found] == [[(0, 0), (1, 3)], [], [(2, 3), (3, 3)], [], []]
    assert found[-2:] == [[], None]


def test_a_reader_that_only_reads_does_not_tell_what_has_arrived() -> None:
    class Reads:
        def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
            raise AssertionError("it would wait")

    assert UnfoldedReader(cast(Any, Reads())).arrived(limit=9) is None
