"""The filter as all callers use it: parsed once, then applied to events and to the index's pointers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from eventstore.model.errors import NOT_THE_MESSAGE, reported
from eventstore.model.events import Event
from eventstore.model.pointers import Pointer
from eventstore.search.eval_context import EvalContext
from eventstore.search.parsing import tree_of
from eventstore.search.terms import DeliverySource
from eventstore.search.tree import All, Answer, Term, Tree, compiled, terms_of


class Verdict(StrEnum):
    """What a filter says of an event. ``UNKNOWN``: a value that decides could not be evaluated.

    That is a payload that is too large, too deep or not JSON, or an envelope part of a message that fits no envelope.
    """

    MATCH = "match"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Filter:
    """A parsed filter, made by ``parse_filter``. Many threads may use it at the same time.

    - ``text`` is the given text without surrounding white space.
    - ``reads_payload``: some terms need the message. Otherwise the index's pointer is enough.
    - ``since`` (included) and ``until`` (excluded) limit the *event* time of every match, in UTC. They are a hint where to
      begin, because publish times may differ.
    - ``aggregates`` are the types and ids given to ``of_aggregate``, ``types`` what was given to ``of_types``; the text does
      not contain them.
    - ``tree`` is what it asks for; ``None`` if it is empty.
    - ``known_as`` is an id (of an event, an aggregate or a conversation) that every match has, if there is one. The index
      finds events by it directly.

    Two filters ask for the same events if their text, time limits, aggregates and types are equal.
    """

    text: str
    empty: bool
    reads_payload: bool
    since: datetime | None
    until: datetime | None
    aggregates: tuple[tuple[str, str], ...] = ()
    types: tuple[str, ...] = ()
    known_as: str = ""
    tree: Tree | None = None
    _on_event: Callable[[EvalContext], Answer]
    _on_pointer: Callable[[Pointer], Answer]
    _deliveries: DeliverySource | None = None

    def prepare(self, pointers: Sequence[Pointer]) -> None:
        """Find out together what the filter needs of the events asked for next that their messages do not tell."""
        if self._deliveries is not None:
            self._deliveries.prepare(pointers)

    def matches(self, event: Event) -> bool:
        """Return whether the event certainly matches. Never raises, and always ends, whatever the event holds."""
        try:
            return self._on_event(EvalContext(event)) is True
        except NOT_THE_MESSAGE:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever one event does to the filter, the others are asked
            reported(error, event.position.where)
            return False

    def judge(self, event: Event) -> Verdict:
        """Do as ``matches``, but distinguish events that do not match from events that could not be evaluated."""
        try:
            answer = self._on_event(EvalContext(event))
        except NOT_THE_MESSAGE:
            raise
        except Exception as error:  # noqa: BLE001 -- see ``matches``
            reported(error, event.position.where)
            answer = None
        return Verdict.UNKNOWN if answer is None else Verdict.MATCH if answer else Verdict.NO

    def matches_pointer(self, pointer: Pointer) -> bool | None:
        """Do as ``matches``, from what the index knows; ``None`` if the message itself is needed.

        If ``reads_payload`` is false, the message is needed only for a copy in a derived topic whose aggregate the index does
        not know.
        """
        answer = self._on_pointer(pointer)
        return answer is True if pointer.unreadable and not self.reads_payload else answer

    def of_aggregate(self, type: str, id: str) -> "Filter":
        """Return this filter, limited to the events of one aggregate by its exact type and id.

        A term ``aggregate:type/id`` is ambiguous if the type or the id contains a slash.
        """

        def on_event(context: EvalContext) -> Answer:
            event = context.event
            if event.problem or event.aggregate_type != type or event.aggregate_id != id:
                return False
            return self._on_event(context)

        def on_pointer(pointer: Pointer) -> Answer:
            if pointer.derived and not pointer.aggregate_type:
                return None
            if (pointer.aggregate_type, pointer.aggregate_id) != (type, id):
                return False
            return self._on_pointer(pointer)

        aggregates = (*self.aggregates, (type, id))
        return replace(self, aggregates=aggregates, empty=False, _on_event=on_event, _on_pointer=on_pointer)

    def of_types(self, has_type: Callable[[str], bool], *, named: str) -> "Filter":
        """Return this filter, limited to events of aggregate types that ``has_type`` has, and to those without an aggregate.

        ``named`` tells two such limits apart.
        """

        def on_event(context: EvalContext) -> Answer:
            event = context.event
            if not event.problem and event.aggregate_type and not has_type(event.aggregate_type):
                return False
            return self._on_event(context)

        def on_pointer(pointer: Pointer) -> Answer:
            if pointer.derived and not pointer.aggregate_type:
                return None
            return self._on_pointer(pointer) if not pointer.aggregate_type or has_type(pointer.aggregate_type) else False

        return replace(self, types=(*self.types, named), empty=False, _on_event=on_event, _on_pointer=on_pointer)


def parse_filter(text: str, deliveries: DeliverySource | None = None) -> Filter:
    """Parse a filter. An empty text gives the filter that every event matches. Raises ``InvalidFilter``.

    Without ``deliveries`` it cannot ask what became of events in subscriptions.
    """
    tree = tree_of(text, deliveries)
    if tree is None:
        return Filter(text="", empty=True, reads_payload=False, since=None, until=None, _on_event=_every, _on_pointer=_every)
    needed = [term for term in _needed(tree) if isinstance(term, Term)]
    since, until = _bounds(needed)
    return Filter(
        text=text.strip(),
        empty=False,
        reads_payload=any(term.on_pointer is None for term in terms_of(tree)),
        since=since,
        until=until,
        tree=tree,
        known_as=next((term.known_as for term in needed if term.known_as), ""),
        _on_event=compiled(tree, lambda term: term.on_event),
        _on_pointer=compiled(tree, lambda term: term.on_pointer or _unsaid),
        _deliveries=deliveries,
    )


def _every(asked: object) -> Answer:
    return True


def _unsaid(pointer: Pointer) -> Answer:
    return None


def _bounds(needed: Sequence[Term]) -> tuple[datetime | None, datetime | None]:
    """Return the narrowest time range that the required terms leave open."""
    since = [term.since for term in needed if term.since]
    until = [term.until for term in needed if term.until]
    return max(since, default=None), min(until, default=None)


def _needed(tree: Tree) -> tuple[Tree, ...]:
    return tuple(term for part in tree.parts for term in _needed(part)) if isinstance(tree, All) else (tree,)
