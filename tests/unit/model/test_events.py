"""Positions and the other values: compared, kept as text, never changed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Event, Message, Position, StreamId, Topic, TopicKind
from eventstore.model.tokens import encode

NOW = datetime(2024, 5, 6, tzinfo=UTC)


def place(number: int = 1, *, topic: str = "t", partition: int = 0, label: str = "") -> Position:
    return Position(topic=topic, partition=partition, token=encode(number), label=label)


def event(problem: str = "") -> Event:
    message = Message(position=place(partition=3), payload=b"", published=NOW)
    return Event(message=message, id="1", time=NOW, data=b"", aggregate_type="patient", aggregate_id="4711", problem=problem)


def test_positions_of_a_partition_sort_as_the_log_does() -> None:
    places = [place(number) for number in (0, 9, 10, 15, 16, 255, 256, 4_000)]
    assert sorted([places[at] for at in (5, 2, 7, 0, 6, 1, 4, 3)]) == places
    assert places[0] < places[1] <= places[1] < places[-1]


@pytest.mark.parametrize("other", [place(2, topic="u"), place(2, partition=1)])
def test_positions_of_different_partitions_have_no_order(other: Position) -> None:
    with pytest.raises(TypeError, match="no order"):
        _ = place(1) < other
    assert place(2) != other


def test_the_label_takes_no_part_in_comparison() -> None:
    assert place(label="1") == place(label="one")
    assert not place(label="1") != place(label="one")  # noqa: SIM202 - the other operator is what is tested
    assert len({place(label="1"), place(label="one")}) == 1


def test_a_position_is_equal_to_nothing_else() -> None:
    assert place() != place().token
    assert place() != (place().topic, place().partition, place().token)


@given(st.text(min_size=1), st.integers(min_value=0, max_value=999_999_999), st.integers(min_value=0, max_value=2**50))
def test_a_position_comes_back_from_its_text_whatever_its_topic_is_called(topic: str, partition: int, number: int) -> None:
    there = place(number, topic=topic, partition=partition)
    assert Position.decode(there.encode()) == there


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@@",
        "276",
        "../..@0@t",
        "276@1234567890@t",
        "276@0",
        "276@0@",
        "@0@t",
        "276@@t",
        "276@x@t",
        "276@-1@t",
        "27 6@0@t",
        "é@0@t",
        "276@٣@t",
        "2\n76@0@t",
    ],
)
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidPosition):
        Position.decode(text)


def test_values_do_not_change() -> None:
    with pytest.raises(AttributeError):
        place().partition = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        event().attributes["id"] = "2"  # type: ignore[index]


def test_an_event_belongs_to_the_stream_of_its_aggregate_in_its_partition() -> None:
    assert event().stream == StreamId(topic="t", partition=3, aggregate_type="patient", aggregate_id="4711")


def test_what_fits_no_envelope_belongs_to_no_stream() -> None:
    assert event(problem="no event id").stream is None


@pytest.mark.parametrize("kind", list(TopicKind))
def test_every_kind_but_events_is_derived(kind: TopicKind) -> None:
    assert Topic(name="t", kind=kind).derived == (kind is not TopicKind.EVENTS)
