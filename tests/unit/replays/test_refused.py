"""The copies that were given up, out of a bounded number of dead letters."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.model.events import Message, Position
from eventstore.replays.order import REPLAY_ID, REPLAY_OF
from eventstore.replays.watching import refused, refused_since

SINCE = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


class Letters:
    """A topic of three partitions, each with two letters of the job ``1`` behind two of others."""

    def __init__(self) -> None:
        self.asked = 0

    def topic(self, name: str) -> Any:
        return SimpleNamespace(partitions=3)

    def first_since(self, topic: str, partition: int, when: datetime) -> Position:
        self.asked += 1
        return Position(topic=topic, partition=partition, token="0")

    def read_forward(self, topic: str, partition: int, *, limit: int, **_: Any) -> list[Message]:
        places = [Position(topic=topic, partition=partition, token=str(number)) for number in range(4)]
        return [letter(place, "another" if place.token < "2" else "1") for place in places][:limit]


def letter(place: Position, job: str) -> Message:
    properties = {REPLAY_ID: job, REPLAY_OF: f"t/{place.partition}/{place.token}"}
    return Message(position=place, payload=b"....", published=SINCE, properties=properties)


@pytest.mark.parametrize(
    ("most", "most_bytes", "found", "cut", "asked"),
    [(2_000, 1_000, 6, False, 3), (7, 1_000, 3, True, 2), (2, 1_000, 0, True, 1), (2_000, 20, 4, True, 2)],
)
def test_letters_are_read_up_to_a_bound_over_all_partitions_and_it_is_said_if_there_may_be_more(
    monkeypatch: pytest.MonkeyPatch, most: int, most_bytes: int, found: int, cut: bool, asked: int
) -> None:
    monkeypatch.setattr(refused, "MOST_READ", most)
    monkeypatch.setattr(refused, "MOST_BYTES", most_bytes)
    letters = Letters()
    told = refused_since(cast(Any, letters), ["dlq"], "1", SINCE)
    assert (len(told.letters), told.cut, letters.asked) == (found, cut, asked)
