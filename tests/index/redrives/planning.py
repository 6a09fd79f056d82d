"""Redrives of letters that lie in batches, in an index without a store: what a log would tell is given."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from eventstore.drivers.pulsar.positions import entry_at, position_from
from eventstore.letters.face import LetterFace
from eventstore.model.events import Event, Message, Position, Topic, TopicKind
from eventstore.model.schema_registry import Schema
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Subscription
from eventstore.redrives import Aim, RedrivePlan, resource_of
from eventstore.redrives.plan import plan
from tests.index.letters.standing import DEAD, Standing, batched, indexed, kept_by

SOURCE = "patients"
RETRY = Topic(name="patients-mailer-RETRY", kind=TopicKind.RETRY)
BATCH = 5


class Waiting:
    """Letters that wait in the dead-letter topic: batches of five, one after the other, unless others are given.

    ``refused`` are problems by number; ``schemas`` those of the registry, of which ``unsendable`` are kinds; ``bytes_of`` are
    keys that were set as bytes. ``unread``: letters that the index has not read, and the store has.
    """

    def __init__(
        self,
        letters: Sequence[Event],
        *,
        subscriptions: Mapping[str, Sequence[str]] | None = None,
        refused: Mapping[int, str] | None = None,
        schemas: Mapping[str, Schema] | None = None,
        unsendable: Collection[str] = (),
        bytes_of: Collection[str] = (),
        unread: Sequence[Event] = (),
    ) -> None:
        self.letters, self.unread = indexed(letters), unread
        self.standing = Standing(letters, subscriptions=[kept_by("eventdesk-redrive", None)])
        self.asked_keys: list[str | None] = []
        self._subscriptions = subscriptions or {SOURCE: ["mailer"]}
        self._refused = {letters[number].position: why for number, why in (refused or {}).items()}
        self._schemas, self._unsendable, self._bytes = schemas or {}, unsendable, bytes_of
        self.storage = self._storage()
        self.face: LetterFace = self.standing.face
        self.face._storage = self.storage

    def plan(self, *numbers: int, target: str = SOURCE, **asked: Any) -> RedrivePlan:
        """For the letters of these numbers, or all that are asked for."""
        positions = [self.letters[number].position for number in numbers]
        aim = Aim(letters=self.face, source=SOURCE, name="mailer", target=target, positions=positions, **asked)
        return plan(self.storage, resource_of(DEAD.name), aim)

    def taken(self, found: RedrivePlan) -> list[int]:
        """The numbers of the letters that the ranges of a plan hold."""
        ranges = found.chosen.get(0, ())
        places = [letter.position.token for letter in self.letters]
        return [n for n, token in enumerate(places) if any(first <= token <= last for first, last in ranges)]

    def _storage(self) -> Storage:
        log = SimpleNamespace(
            topic=lambda name: DEAD,
            topics=lambda: [DEAD, RETRY, Topic(name=SOURCE)],
            position=position_from,
            entry=entry_at,
            labelled=lambda *asked: None,
            ends=self.standing._ends,
            read_forward=self._read_forward,
            key_is_bytes=self._key_is_bytes,
        )
        told = SimpleNamespace(of_topic=self._subscriptions_of)
        registry = SimpleNamespace(schema=lambda topic, version: self._schemas.get(version))
        copying = SimpleNamespace(refusal=self._refusal, schema_refusal=self._schema_refusal)
        return cast(Storage, SimpleNamespace(log=log, subscriptions=told, copying=copying, schemas=registry))

    def _subscriptions_of(self, topic: str) -> Sequence[Subscription]:
        if topic == DEAD.name:
            return self.standing.subscriptions
        return [kept_by(name, None, topic=topic) for name in self._subscriptions.get(topic, ())]

    def _read_forward(self, topic: str, partition: int, *, after: Position, limit: int) -> Sequence[Message]:
        there = [one.message for one in [*self.letters, *self.unread]]
        return [one for one in there if one.position.token > after.token][:limit]

    def _key_is_bytes(self, position: Position) -> bool:
        key = next(one.message.key for one in self.letters if one.position == position)
        self.asked_keys.append(key)
        return key in self._bytes

    def _refusal(self, message: Message) -> str:
        return self._refused.get(message.position, "")

    def _schema_refusal(self, schema: Schema) -> str:
        return "Of this kind." if schema.kind in self._unsendable else ""


def in_batches(count: int, change: Callable[[int, Event], Event] = lambda number, letter: letter) -> list[Event]:
    """Letters in batches of five; ``change`` gets each with its number."""
    return [change(number, batched(number, number // BATCH, number % BATCH)) for number in range(count)]
