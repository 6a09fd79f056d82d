"""What each field of a filter means: turn one written term into tests of an event and of the index's pointer."""

import re
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, Protocol

from eventstore.model.events import NO_TIME, Event
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState
from eventstore.search.eval_context import MISSING, EvalContext
from eventstore.search.lexing import WrittenTerm, unquoted
from eventstore.search.limits import MOST_PATH_PARTS
from eventstore.search.literals import Number, Span, number_of, span_of
from eventstore.search.problems import problem
from eventstore.search.text_terms import text_term
from eventstore.search.texts import Expression, TextTest, alike, fitting, same
from eventstore.search.tree import Answer, Asked, Not, Term, Tree
from eventstore.search.values import ORDERS, Path, ValueTest, flat, is_mark, marked, ordered, textual, there, value_at

_PLACES = {  # where a field is found in an evaluation context, and in the index's pointer
    "id": ("event.id", "event_id"),
    "key": ("event.message.key", ""),
    "ordering_key": ("event.message.ordering_key", ""),
    "type": ("event.type", "type"),
    "source": ("event.source", ""),
    "subject": ("event.subject", ""),
    "correlation": ("event.correlation_id", "correlation_id"),
    "causation": ("event.causation_id", "causation_id"),
}
_OF_ANY_MESSAGE = frozenset({"id", "key", "ordering_key"})
"""What a message has even if it fits no envelope."""
_FOUND_BY_INDEX = frozenset({"aggregate", "id", "correlation"})
_PATHS = frozenset({"data", "property"})
_STATES = {state.value.replace(" ", "-"): frozenset({state}) for state in DeliveryState}
_STATES["pending"] |= {DeliveryState.STUCK}
"""States by the words that ask for them. What is stuck is pending as well."""
FIELDS = (
    "type",
    "aggregate",
    "id",
    "correlation",
    "causation",
    "time",
    "text",
    "data.…",
    "key",
    "ordering_key",
    "property.…",
    "source",
    "subject",
    "delivery",
)

ENVELOPE, PAYLOAD = 0, 1

_PART = re.compile(r'(?:^|\.)(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<bare>[^.\[\]"]++))|\[(?P<index>[0-9]{1,6})\]', re.DOTALL)


class DeliverySource(Protocol):
    """What knows of delivery, for the terms ``delivery:NAME=STATE``."""

    def refusal(self, name: str) -> str:
        """Return why no subscription can be asked for by this name, and what to do; empty if one can."""
        ...

    def prepare(self, pointers: Sequence[Pointer]) -> None:
        """Find out together what became of these events, which are asked for next."""
        ...

    def of_pointer(self, pointer: Pointer, name: str) -> DeliveryState | None:
        """Return what became of the event in the subscription of its topic with this name; ``None`` if there is none."""
        ...

    def of_event(self, event: Event, name: str) -> DeliveryState | None:
        """Do as ``of_pointer``, for one of the events that were prepared; *unknown* for another one."""
        ...


def term_of(written: WrittenTerm, *, work: int, deliveries: DeliverySource | None = None) -> Tree:
    """Return the term ready for use. Raises ``InvalidFilter`` if its field, operator or value cannot be used.

    ``work`` limits the cost of its regular expression (see ``limits.EXPRESSION_WORK``).
    """
    if not written.field:
        return text_term(written, work=work)
    name, path = _split_field(written.field, written.column)
    if name not in _PATHS and (path or name not in FIELDS):
        raise problem(
            f'there is no such field; there are {", ".join(FIELDS)}. A text with such a sign needs quotes: "a:b"',
            written.column,
        )
    if name == "text":
        return text_term(written, work=work)
    if name == "delivery":
        return replace(_delivery_term(written, deliveries), asked=_asked(written, name, path))
    if written.operator in ("=", "!=") and not written.quoted and "*" in written.value:
        raise problem(
            f"{written.operator} takes every sign as it is: write : for a pattern, or put quotes around a real *",
            written.column,
        )
    term = replace(_positive(written, name, path, work), asked=_asked(written, name, path))
    return Not(term) if written.operator == "!=" else term


def field_name(written: WrittenTerm) -> str:
    """Return the name of the field that the term asks for, however it is written. Raises ``InvalidFilter`` as ``term_of``."""
    return _split_field(written.field, written.column)[0]


def _asked(written: WrittenTerm, name: str, path: Path) -> Asked:
    as_it_is = written.operator in ("=", "!=") or (written.operator == ":" and (written.quoted or "*" not in written.value))
    return Asked(field=name, path=path, operator=written.operator, value=written.value, equality=as_it_is)


def _positive(written: WrittenTerm, name: str, path: Path, work: int) -> Term:
    if name == "time":
        return _time_term(written)
    if name in _PATHS:
        return _data_term(written, path, work) if name == "data" else _property_term(written, path, work)
    if written.operator in ORDERS:
        raise problem(f"{written.operator} compares numbers and times, which {name} is not: use : = != or ~", written.column)
    test = _text_test(written, work)
    term = _aggregate_term(test) if name == "aggregate" else _envelope_term(name, test)
    is_one_id = written.operator == "=" or (written.operator == ":" and (written.quoted or "*" not in written.value))
    return replace(term, known_as=written.value) if is_one_id and name in _FOUND_BY_INDEX else term


def _envelope_term(name: str, test: TextTest) -> Term:
    in_event, in_pointer = _PLACES[name]
    of_event, of_pointer = attrgetter(in_event), attrgetter(in_pointer or "event_id")
    if name in _OF_ANY_MESSAGE:
        return Term(
            on_event=lambda context: test(of_event(context) or ""),
            on_pointer=(lambda pointer: test(of_pointer(pointer))) if in_pointer else None,
        )
    return Term(
        on_event=lambda context: None if context.event.problem else test(of_event(context)),
        on_pointer=(lambda pointer: None if pointer.unreadable else test(of_pointer(pointer))) if in_pointer else None,
    )


def _aggregate_term(test: TextTest) -> Term:
    """Test the id alone, or the type and the id with a slash between them.

    For a copy in a derived topic, the index may not know the aggregate. Then the message is needed.
    """

    def answer(unreadable: bool, type: str, id: str) -> Answer:
        if unreadable:
            return None
        alone = test(id)
        if alone is True:
            return True
        both = test(f"{type}/{id}")
        return None if alone is None and both is False else both

    return Term(
        on_event=lambda context: answer(bool(context.event.problem), context.event.aggregate_type, context.event.aggregate_id),
        on_pointer=lambda pointer: answer(
            pointer.unreadable or (pointer.derived and not pointer.aggregate_type),
            pointer.aggregate_type,
            pointer.aggregate_id,
        ),
    )


def _time_term(written: WrittenTerm) -> Term:
    span = span_of(written.value) if written.operator != "~" else None
    if span is None:
        raise problem(
            "time is compared with a day or a time, such as time>=2024-05-01 or time<2024-05-02T10:00+02:00", written.column
        )
    since, until = span.bounds(written.operator)

    def within(time: Any) -> Answer:
        return None if time == NO_TIME else (since is None or time >= since) and (until is None or time < until)

    return Term(
        on_event=lambda context: within(context.event.time),
        on_pointer=lambda pointer: within(pointer.time),
        since=since,
        until=until,
    )


def _delivery_term(written: WrittenTerm, deliveries: DeliverySource | None) -> Term:
    if written.operator != ":":
        raise problem("write delivery:NAME=STATE, such as delivery:mailer=pending", written.column)
    states = _STATES.get(written.state)
    if states is None:
        raise problem(f"after = stands one of the states {', '.join(_STATES)}", written.column)
    if deliveries is None:
        raise problem(
            "delivery can be asked for on an aggregate's page: leave it out here, or open the aggregate", written.column
        )
    refusal = deliveries.refusal(written.value)
    if refusal:
        raise problem(refusal, written.column)

    def answer(state: DeliveryState | None) -> Answer:
        if state is DeliveryState.UNKNOWN and state not in states:
            return None
        return state in states

    return Term(
        on_event=lambda context: answer(deliveries.of_event(context.event, written.value)),
        on_pointer=lambda pointer: answer(deliveries.of_pointer(pointer, written.value)),
    )


def _property_term(written: WrittenTerm, path: Path, work: int) -> Term:
    if not path or not all(isinstance(part, str) for part in path):
        raise problem('name a property, such as property.ce_source:/documents or property."odd name":x', written.column)
    name = ".".join(map(str, path))
    test = _value_test(written, work)
    return Term(on_event=lambda context: test(context.event.message.properties.get(name, MISSING)))


def _data_term(written: WrittenTerm, path: Path, work: int) -> Term:
    if not path:
        raise problem(
            'name a value in the payload, such as data.user.email:x; text:"…" looks for a text anywhere in it', written.column
        )
    test = _value_test(written, work)

    def on_event(context: EvalContext) -> Answer:
        return test(value_at(context.document(), path))

    return Term(on_event=on_event, cost=PAYLOAD)


def _value_test(written: WrittenTerm, work: int) -> ValueTest:
    if written.operator in ORDERS:
        return flat(ordered(written.operator, _limit(written)))
    if _asks_whether_there(written):
        return there
    test = _text_test(written, work)
    if isinstance(test, Expression):
        return flat(textual(test), test.most)
    compared = textual(test, number_of(written.value))
    return flat(marked(written.value, compared) if is_mark(written.value) else compared)


def _limit(written: WrittenTerm) -> Number | Span:
    limit = number_of(written.value)
    if limit is not None:
        return limit
    span = span_of(written.value)
    if span is None:
        raise problem(
            f"{written.operator} compares numbers of at most 40 signs, and times such as 2024-05-01 or 2024-05-01T10:00Z",
            written.column,
        )
    return span


def _asks_whether_there(written: WrittenTerm) -> bool:
    return written.operator == ":" and not written.quoted and set(written.value) == {"*"}


def _text_test(written: WrittenTerm, work: int) -> TextTest:
    if written.operator == "~":
        return Expression(written.value, work=work, column=written.column)
    if written.operator != ":":
        return same(written.value)
    if _asks_whether_there(written):
        return bool
    return fitting(written.value) if "*" in written.value and not written.quoted else alike(written.value)


def _split_field(field: str, column: int) -> tuple[str, Path]:
    """Split a field into its own name in lower case, and the path after it. Names in quotes may hold any character."""
    parts: list[str | int] = []
    place = 0
    while place < len(field):
        found = _PART.match(field, place)
        if not found or field.startswith("."):
            raise problem('expected a path such as data.user.email, data.items[0].id or data."odd name".x', column)
        if "*" in (found["bare"] or ""):
            raise problem("a path leads to one value: it takes no *, but for a name in quotes", column)
        parts.append(int(found["index"]) if found["index"] else _name_of(found))
        place = found.end()
    if len(parts) > MOST_PATH_PARTS + 1:
        raise problem(f"a path may have {MOST_PATH_PARTS} parts", column)
    first = parts[0] if parts else ""
    return (first.lower() if isinstance(first, str) else "", tuple(parts[1:]))


def _name_of(found: "re.Match[str]") -> str:
    return found["bare"] if found["quoted"] is None else unquoted(found["quoted"])
