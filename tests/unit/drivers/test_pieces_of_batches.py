"""Where the messages of a batch lie, told by few of them."""

from collections.abc import Iterable

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.pieces import Gathering
from eventstore.model.pieces import Piece
from tests.unit.drivers.raw_objects import Id, RawObject

ASKED: list[tuple[int, ...]] = []


class Told(RawObject):
    """Notes when it is asked where it is."""

    def message_id(self) -> Id:
        ASKED.append(super().message_id().numbers)
        return super().message_id()


def tokens_of(places: Iterable[tuple[int, int]]) -> list[str]:
    """Read messages at these entries and places in their batches, and return their tokens."""
    raws = iter([Told(id=Id(7, entry, batch)) for entry, batch in places])
    messages = Messages("public/default/documents", 0, lambda ledger: "since", every_ledger=True)
    gathering = Gathering(lambda patience: next(raws), messages, "", limit=10_000, until=0.0, again=0.0)
    found: list[str] = []
    while (piece := gathering.next()) is not None:
        found += piece.tokens if isinstance(piece, Piece) else [message.position.token for message in piece]
    assert isinstance(gathering.error, StopIteration)
    return found


def told_one_by_one(places: Iterable[tuple[int, int]]) -> list[str]:
    messages = Messages("public/default/documents", 0)
    return [messages.of(RawObject(id=Id(7, entry, batch))).position.token for entry, batch in places]


def test_of_a_batch_that_goes_on_only_the_last_of_some_messages_is_asked_where_it_is() -> None:
    places = [(3, batch) for batch in range(1 + 10 * 16)]
    ASKED.clear()
    assert tokens_of(places) == told_one_by_one(places)
    assert len(ASKED) < len(places) // 4


def test_each_message_keeps_its_place_where_some_of_its_batch_are_missing_or_the_next_batch_is_as_long() -> None:
    lacking = [(3, batch) for batch in range(100) if batch not in (5, 40, 41, 99)]
    two_alike = [(entry, batch) for entry in (4, 5) for batch in range(20)]
    places = lacking + two_alike
    assert tokens_of(places) == told_one_by_one(places)
