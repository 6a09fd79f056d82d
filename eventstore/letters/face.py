"""The desk's face for dead letters: what is in a dead-letter topic, and what each letter says of its original."""

from collections.abc import Iterable, Iterator, Sequence

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.index.lookup import queries
from eventstore.letters.letter import Letter
from eventstore.letters.listing import (
    FoundLetters,
    LetterGroups,
    ReadLetters,
    group_letters,
    letter_page,
    matching,
    pieces,
    search_letters,
)
from eventstore.letters.originals import Beginnings
from eventstore.letters.owners import Owner, owner_of
from eventstore.letters.places import KEEPER, DeadLetterTopic, look
from eventstore.letters.reading import RowsOf, read_letters
from eventstore.model.events import Page, Position, Topic
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage
from eventstore.search import Filter
from eventstore.subscriptions.letters import LetterTopic, letter_topics
from eventstore.subscriptions.progress import Reached


class LetterFace:
    """``desk.letters``. Letters come oldest first, as far as they are indexed. ``every``: those that the keeper of the topic
    has acknowledged as well."""

    def __init__(self, *, storage: Storage, rows_of: RowsOf, declared: Sequence[DeclaredSubscription]) -> None:
        self._storage, self._rows_of, self._declared = storage, rows_of, declared

    def topics(self, topic: str, name: str) -> Sequence[LetterTopic]:
        """The dead-letter and retry topics of the subscription, whether it is there or not, by name."""
        return letter_topics(topic, name, self._storage.log.topics(), self._rows_of, self._declared)

    def owner_of(self, dead: str, subscriptions: Iterable[Owner]) -> Owner | None:
        """Which of these subscriptions gives events up to this dead-letter topic; ``None`` if none does, or several may."""
        return owner_of(dead, subscriptions, self._declared)

    def look(self, topic: Topic, source: str, keeper: str = KEEPER) -> DeadLetterTopic:
        """What is in the topic now. ``source``: the topic of the subscription whose letters these are. ``keeper``: by whose
        acknowledgements letters wait; in a retry topic the subscription's own."""
        return look(self._storage, topic, source, keeper)

    def page(
        self, dead: DeadLetterTopic, *, every: bool = False, page_token: str | None = None, limit: int = 50
    ) -> Page[Letter]:
        """A page of letters. ``newer`` leads on; ``InvalidPosition`` for a damaged token."""
        return letter_page(_chosen(dead, every), self._read(dead), page_token, limit)

    def search(
        self, dead: DeadLetterTopic, filter: Filter, *, every: bool = False, page_token: str | None = None, limit: int = 50
    ) -> FoundLetters:
        """The letters that match, from a bounded piece of the topic, and where to go on."""
        return search_letters(_chosen(dead, every), self._read(dead), filter, page_token, limit)

    def groups(self, dead: DeadLetterTopic, *, every: bool = False) -> LetterGroups:
        """How many there are of each type, schema version and reason."""
        return group_letters(dead, _chosen(dead, every), self._read(dead))

    def pieces(
        self, dead: DeadLetterTopic, *, every: bool = False, filter: Filter | None = None, most: int | None = None
    ) -> Iterator[Sequence[Letter]]:
        """All letters that match, or those among the ``most`` oldest: some 200 at a time, so that any number can be gone
        through. A thousand take about a second on Pulsar."""
        for letters in pieces(_chosen(dead, every), self._read(dead), most):
            found = matching(letters, filter)
            if found:
                yield found

    def at(self, dead: DeadLetterTopic, positions: Sequence[Position]) -> Sequence[Letter]:
        """The letters at these positions, as far as they are indexed, in order of their places."""
        found = queries.at_each([at for at in positions if at.topic == dead.topic.name])
        return self._read(dead)(sorted(found.values(), key=_place))

    def _read(self, dead: DeadLetterTopic) -> ReadLetters:
        log, beginnings = self._storage.log, Beginnings(self._storage.log)
        reasons = list(dict.fromkeys(name for one in self._declared for name in one.reason))

        def read(pointers: Sequence[Pointer]) -> list[Letter]:
            return read_letters(log, self._rows_of, dead, pointers, beginnings, reasons)

        return read


def _chosen(dead: DeadLetterTopic, every: bool) -> Reached:
    return dead.there if every else dead.waiting


def _place(pointer: Pointer) -> tuple[int, int]:
    return pointer.position.partition, pointer.ordinal
