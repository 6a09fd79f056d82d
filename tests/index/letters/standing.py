"""Dead letters in an index without a store: what a log and subscriptions would tell is given."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.drivers.pulsar.positions import entry_at, position_from, position_labelled
from eventstore.letters.face import LetterFace
from eventstore.letters.places import DeadLetterTopic
from eventstore.model.events import Event, Position, Topic, TopicKind
from eventstore.model.log import Ends
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.model.tokens import encode
from eventstore.streams.rows import Missing, Row
from tests.indexing import event, index, place

PATIENTS = Topic(name="patients", partitions=2)
DEAD = Topic(name="patients-mailer-DLQ", kind=TopicKind.DEAD_LETTER)


class Standing:
    """A store that has told this: where logs begin, and which subscriptions there are."""

    def __init__(
        self,
        letters: Sequence[Event],
        *,
        subscriptions: Sequence[Subscription] = (),
        firsts: Mapping[tuple[str, int], int] | None = None,
        declared: Sequence[DeclaredSubscription] = (),
    ) -> None:
        """``firsts``: the number of the first event that is left, of each partition that does not begin at 0."""
        self.subscriptions, self.firsts = subscriptions, firsts or {}
        self.read: list[int] = []
        self._events = {one.position: one for one in letters}
        log = SimpleNamespace(position=position_from, entry=entry_at, labelled=position_labelled, ends=self._ends)
        told = SimpleNamespace(of_topic=lambda topic: self.subscriptions)
        storage = cast(Storage, SimpleNamespace(log=log, subscriptions=told))
        self.face = LetterFace(storage=storage, rows_of=self._rows_of, declared=declared)

    def look(self, topic: Topic = DEAD, source: str = "patients") -> DeadLetterTopic:
        return self.face.look(topic, source)

    def _ends(self, topic: str) -> Sequence[Ends]:
        return [self._end(topic, number) for number in range(PATIENTS.partitions)]

    def _end(self, topic: str, number: int) -> Ends:
        first = place(self.firsts.get((topic, number), 0), topic=topic, partition=number)
        return Ends(topic=topic, partition=number, first=first, last=first)

    def _rows_of(self, pointers: Sequence[Pointer]) -> list[Row]:
        self.read.append(len(pointers))
        return [self._row(pointer) for pointer in pointers]

    def _row(self, pointer: Pointer) -> Row:
        found = self._events.get(pointer.position)
        missing = Missing.NOTHING if found else Missing.TRIMMED
        return Row(position=pointer.position, event=found, pointer=pointer, missing=missing)


def letter(
    number: int,
    original: str = "",
    *,
    id: str = "",
    topic: str = DEAD.name,
    type: str = "patient.registered",
    **properties: str,
) -> Event:
    """A letter at ``place(number)``: ``original`` is a message id as a client writes it."""
    said = {"ORIGIN_MESSAGE_ID": original} if original else {}
    return event(number, topic=topic, type=type, id=id or f"e-patients-0-{number}", properties={**said, **properties})


def batched(number: int, entry: int, batch: int, topic: str = DEAD.name) -> Event:
    """A letter at this place in a batch of its own topic."""
    found = letter(number, topic=topic)
    position = replace(found.position, token=encode(7, entry, batch + 1), label=f"7:{entry}:{batch}")
    return replace(found, message=replace(found.message, position=position))


def indexed(letters: Sequence[Event], topic: Topic = DEAD) -> Sequence[Event]:
    index(letters, topic=topic)
    return letters


def kept_by(name: str, acknowledged: int | None, *holes: tuple[int, int], topic: str = DEAD.name) -> Subscription:
    """A subscription of the dead-letter topic. ``holes`` are pairs of numbers: excluded start, included end."""

    def at(number: int) -> Position:
        return place(number, topic=topic)

    cursor = Cursor(
        partition=0,
        acknowledged=None if acknowledged is None else at(acknowledged),
        backlog=1,
        holes=[(at(start), at(end)) for start, end in holes],
    )
    return Subscription(topic=topic, name=name, type=SubscriptionType.SHARED, cursors=[cursor])
