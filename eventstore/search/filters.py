"""The filter as everybody uses it: parsed once, then asked about events and about the index's pointers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from eventstore.model.events import Event
from eventstore.model.pointers import Pointer
from eventstore.search.eval_context import EvalContext
from eventstore.search.parsing import tree_of
from eventstore.search.tree import All, Answer, Term, Tree, compiled, terms_of


class Verdict(StrEnum):
    """What a filter says of an event. ``UNKNOWN``: a value that decides could not be looked into.

    That is a payload too large, too deep or no JSON, or an envelope part of a message that fits no envelope.
    """

    MATCH = "match"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Filter:
    """A parsed filter; ``parse_filter`` makes it. May be used by many threads at once.

    ``text`` is what was given, without the space around it. ``reads_payload``: whether some answer needs the message; without
    it the index's pointer is enough. ``since`` (included) and ``until`` (excluded) bound the *event* time of every match, in
    UTC: a hint where to begin, since publish times may differ. ``aggregates``: the types and ids of ``of_aggregate``, which no
    text says. ``known_as``: an id (of an event, an aggregate or a conversation) that every match must have, if there is one:
    the index finds what has it at once. Two filters ask for the same where text, bounds and these are the same.
    """

    text: str
    empty: bool
    reads_payload: bool
    since: datetime | None
    until: datetime | None
    aggregates: tuple[tuple[str, str], ...] = ()
    known_as: str = ""
    _on_event: Callable[[EvalContext], Answer]
    _on_pointer: Callable[[Pointer], Answer]

    def matches(self, event: Event) -> bool:
        """Whether the event is certainly asked for. Never raises, and ends whatever the event holds."""
        return self._on_event(EvalContext(event)) is True

    def judge(self, event: Event) -> Verdict:
        """As ``matches``, telling apart what is not asked for and what could not be looked into."""
        answer = self._on_event(EvalContext(event))
        return Verdict.UNKNOWN if answer is None else Verdict.MATCH if answer else Verdict.NO

    def matches_pointer(self, pointer: Pointer) -> bool | None:
        """As ``matches``, from what the index knows; ``None`` where the message itself must be asked.

        Where ``reads_payload`` is false, that is only a copy in a derived topic whose aggregate the index does not know.
        """
        answer = self._on_pointer(pointer)
        return answer is True if pointer.unreadable and not self.reads_payload else answer

    def of_aggregate(self, type: str, id: str) -> "Filter":
        """This filter, of one aggregate's events alone: by type and id exactly, which ``aggregate:type/id`` cannot tell apart
        where they hold a stroke themselves."""

        def on_event(look: EvalContext) -> Answer:
            event = look.event
            if event.problem or event.aggregate_type != type or event.aggregate_id != id:
                return False
            return self._on_event(look)

        def on_pointer(pointer: Pointer) -> Answer:
            if pointer.derived and not pointer.aggregate_type:
                return None
            if (pointer.aggregate_type, pointer.aggregate_id) != (type, id):
                return False
            return self._on_pointer(pointer)

        aggregates = (*self.aggregates, (type, id))
        return replace(self, aggregates=aggregates, empty=False, _on_event=on_event, _on_pointer=on_pointer)


def parse_filter(text: str) -> Filter:
    """The filter that this text is; an empty text is the filter that every event passes. ``InvalidFilter`` for any other."""
    tree = tree_of(text)
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
        known_as=next((term.known_as for term in needed if term.known_as), ""),
        _on_event=compiled(tree, lambda term: term.on_event),
        _on_pointer=compiled(tree, lambda term: term.on_pointer or _unsaid),
    )


def _every(asked: object) -> Answer:
    return True


def _unsaid(pointer: Pointer) -> Answer:
    return None


def _bounds(needed: Sequence[Term]) -> tuple[datetime | None, datetime | None]:
    """The narrowest range of time that the terms which every match must pass leave open."""
    since = [term.since for term in needed if term.since]
    until = [term.until for term in needed if term.until]
    return max(since, default=None), min(until, default=None)


def _needed(tree: Tree) -> tuple[Tree, ...]:
    return tuple(term for part in tree.parts for term in _needed(part)) if isinstance(tree, All) else (tree,)
