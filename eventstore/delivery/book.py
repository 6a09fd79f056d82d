"""The delivery of many events to the subscriptions of their topics, worked out together: a few queries for a page."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.delivery.copies import Found, SenderOf, are_behind, copies_of_each
from eventstore.delivery.judging import NO_COPIES, Copies, Delivery, Known, is_acknowledged, judge
from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.model.events import Position, TopicKind
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer

Deliveries = Mapping[str, Delivery]
"""One event's delivery, by the names of its topic's subscriptions."""


class Book:
    """Subscriptions as they were last seen, against which events are judged. For one page or search: it remembers."""

    def __init__(
        self, *, log: Log, known: Iterable[Known], declared: Sequence[DeclaredSubscription], sender_of: SenderOf
    ) -> None:
        self._log, self._declared, self._sender_of = log, declared, sender_of
        self._known: dict[str, dict[str, Known]] = {}
        for one in known:
            of = one.backlog.subscription
            self._known.setdefault(of.topic, {})[of.name] = one
        self._found: dict[Position, Deliveries] = {}
        self._met: dict[tuple[str, int, int], Pointer] = {}
        self._behind: dict[tuple[frozenset[str], frozenset[str]], bool] = {}

    def of_topic(self, topic: str) -> Mapping[str, Known]:
        """The topic's subscriptions, by name. Empty as well where the store does not tell them."""
        return self._known.get(topic, {})

    def of(self, pointers: Sequence[Pointer]) -> Sequence[Deliveries]:
        """Each event's delivery to each subscription of its topic."""
        new = [pointer for pointer in pointers if pointer.ended_at is not None or pointer.position not in self._found]
        found = {id(pointer): one for pointer, one in zip(new, self._judged(new), strict=True)} if new else {}
        self._met |= {(p.position.topic, p.position.partition, p.ordinal): p for p in new if p.ended_at is None}
        self._found |= {pointer.position: found[id(pointer)] for pointer in new if pointer.ended_at is None}
        return [found[id(pointer)] if id(pointer) in found else self._found[pointer.position] for pointer in pointers]

    def met(self, topic: str, partition: int, ordinal: int) -> Pointer | None:
        """The event of this ordinal, if ``of`` was asked for it before."""
        return self._met.get((topic, partition, ordinal))

    def copies_are_behind(self, topics: Collection[str], there: Collection[str] = ()) -> bool:
        """Whether the index may not have read all copies of these topics' events: some may be dead-lettered or retried though
        nothing tells yet. ``there`` are the topics that the store has."""
        asked = frozenset(topics), frozenset(there)
        if asked not in self._behind:
            self._behind[asked] = are_behind(topics, there, self._declared)
        return self._behind[asked]

    def known_at(self, position: Position) -> Deliveries | None:
        """What ``of`` said of the event here before; ``None`` if it was not asked."""
        return self._found.get(position)

    def _judged(self, pointers: Sequence[Pointer]) -> list[Deliveries]:
        names = {topic: list(known) for topic, known in self._known.items()}
        copies = copies_of_each(self._log, pointers, self._declared, names, self._sender_of)
        sizes = self._sizes(pointers)
        return [
            {
                name: judge(
                    pointer,
                    known,
                    copies=self._copies(copies, pointer, name) if pointer.ended_at is None else NO_COPIES,
                    batch=sizes.get(pointer.position, 1),
                )
                for name, known in self.of_topic(pointer.position.topic).items()
            }
            for pointer in pointers
        ]

    def _copies(self, found: Found, pointer: Pointer, name: str) -> Copies:
        """A copy that names no subscription is of the only one, if the topic has but one."""
        copies = found.of_each.get(pointer.position, ())
        only = len(self.of_topic(pointer.position.topic)) == 1
        own = [copy for copy in copies if copy.sender == name or (only and not copy.sender)]
        unnamed = not found.complete or (not only and any(not copy.sender for copy in copies))
        retried = [copy.pointer for copy in own if copy.kind == TopicKind.RETRY.value]
        there = {p.position.topic: known for p in retried if (known := self.of_topic(p.position.topic).get(name))}
        letters = [copy.pointer for copy in own if copy.kind == TopicKind.DEAD_LETTER.value]
        return Copies(letters, retried, there, unnamed)

    def _sizes(self, pointers: Sequence[Pointer]) -> Mapping[Position, int]:
        """How many events share the entry of each event that some cursor has not acknowledged."""
        bounds: dict[tuple[str, int], dict[Position, tuple[Position, Position]]] = {}
        for pointer in pointers:
            at = pointer.position
            if pointer.ended_at is None and any(not is_acknowledged(at, one) for one in self.of_topic(at.topic).values()):
                bounds.setdefault((at.topic, at.partition), {})[at] = self._log.entry(at)
        rows = queries.partition_rows_of(frozenset(topic for topic, _ in bounds))
        edges = [(rows[shard], edge) for shard, of in bounds.items() if shard in rows for pair in of.values() for edge in pair]
        ordinals = ordinals_in(edges)
        return {
            at: ordinals[end] - ordinals[start]
            for shard, of in bounds.items()
            if shard in rows
            for at, (start, end) in of.items()
        }
