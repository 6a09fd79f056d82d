"""Which events of a message are to go, and what is sent of it.

A message that holds a batch of events is copied as it is if all of them are chosen. Otherwise the copy holds the chosen ones.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from eventstore.drivers.unfolding.members import STARTS, unfold
from eventstore.envelope.contents import SIGNS
from eventstore.model.errors import StoreRefused
from eventstore.model.events import STORES_PROPERTIES, Event, Message
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, REPLAY_TIME, Bounds, Kind, ReplayOrder, mark_of
from eventstore.search import CostBudget, Verdict, parse_filter

PACKED = "It is one of several events in a compressed message, of which not all were chosen."
CANNOT_TELL = "Nothing tells the chosen events from others any more, so nothing was sent. Plan the replay anew."
UNCERTAIN = "Whether it passes the filter cannot be told: it cannot be read."

WHOLE = frozenset({Kind.EVERYTHING, Kind.SINCE})
"""What takes every event of its ranges."""
NOBODY = ("", "")

Judge = Callable[[Message], Verdict]


class Portion(NamedTuple):
    """What goes of one message: ``copy``, with so many ``events``; so many do not pass the filter (``skipped``).

    ``failed`` could not be copied, as ``problem`` says.
    """

    message: Message
    copy: Message | None
    events: int
    skipped: int = 0
    failed: int = 0
    problem: str = ""


def judge_of(
    order: ReplayOrder, bounds: Bounds, tokens: frozenset[str] | None, read: Callable[[Message], Event]
) -> Judge | None:
    """Return what decides about an event in the range; ``None`` if all go.

    ``tokens``: where the chosen events lie, if each of them is known. If that is not known, because they are too many, or
    because the index was built anew, they are recognised by what was asked for. Raises ``StoreRefused`` where that tells
    nothing.
    """
    found = (_among(order, bounds, tokens, read), _passing(order, read), _not_left_out(order, read), _alone(order, read))
    judges = [judge for judge in found if judge is not None]
    if not judges:
        return None
    if len(judges) == 1:
        return judges[0]

    def both(message: Message) -> Verdict:
        verdicts = [judge(message) for judge in judges]
        return next((one for one in verdicts if one is not Verdict.MATCH), Verdict.MATCH)

    return both


def _verdict(yes: bool) -> Verdict:
    return Verdict.MATCH if yes else Verdict.NO


def _among(
    order: ReplayOrder, bounds: Bounds, tokens: frozenset[str] | None, read: Callable[[Message], Event]
) -> Judge | None:
    """What tells the chosen events from others in the range; ``None`` for a whole range, and where another judge tells them.

    Too many events to be kept one by one are recognised too: their range holds events of others.
    """
    if tokens is not None:
        return lambda message: _verdict(message.position.token in tokens)
    what = order.what
    if what.kind is Kind.EVENT:
        return lambda message: _verdict(read(message).id in what.events)
    if what.kind is Kind.AGGREGATE:
        return lambda message: _verdict(aggregate_of(read(message)) == what.aggregate)
    is_whole = what.kind in WHOLE and bounds.ordinals is None
    if is_whole or what.filter or order.only != NOBODY:
        return None
    raise StoreRefused(CANNOT_TELL)


def _passing(order: ReplayOrder, read: Callable[[Message], Event]) -> Judge | None:
    if not order.what.filter:
        return None
    budget = CostBudget(parse_filter(order.what.filter))
    return lambda message: budget.judge(read(message))


def _not_left_out(order: ReplayOrder, read: Callable[[Message], Event]) -> Judge | None:
    if order.left_out == NOBODY:
        return None
    return lambda message: _verdict(aggregate_of(read(message)) != order.left_out)


def _alone(order: ReplayOrder, read: Callable[[Message], Event]) -> Judge | None:
    if order.only == NOBODY:
        return None
    return lambda message: _verdict(aggregate_of(read(message)) == order.only)


def aggregate_of(event: Event) -> tuple[str, str]:
    return event.aggregate_type, event.aggregate_id


def portion_of(message: Message, bounds: Bounds, judge: Judge | None) -> Portion:
    if message.payload[:1] in STARTS:
        return _of_several(message, list(unfold([message])), bounds, judge)
    if not bounds.first_token <= message.position.token <= bounds.last_token:
        return Portion(message, None, 0)
    verdict = judge(message) if judge is not None else Verdict.MATCH
    return Portion(message, message, 1) if verdict is Verdict.MATCH else _without(message, 1, verdict)


def _of_several(message: Message, events: Sequence[Message], bounds: Bounds, judge: Judge | None) -> Portion:
    within = [one for one in events if bounds.first_token <= one.position.token <= bounds.last_token]
    verdicts = [judge(one) if judge is not None else Verdict.MATCH for one in within]
    chosen = [one for one, verdict in zip(within, verdicts, strict=True) if verdict is Verdict.MATCH]
    unknown = sum(verdict is Verdict.UNKNOWN for verdict in verdicts)
    skipped = len(within) - len(chosen) - unknown
    why = UNCERTAIN if unknown else ""
    if len(chosen) == len(events):
        return Portion(message, message, len(chosen))
    if not chosen:
        return Portion(message, None, 0, skipped, unknown, why)
    if message.payload[:1] in SIGNS:
        return Portion(message, None, 0, skipped, unknown + len(chosen), PACKED)
    part = replace(message, payload=b"[" + b",".join([one.payload for one in chosen]) + b"]")
    return Portion(message, part, len(chosen), skipped, unknown, why)


def _without(message: Message, events: int, verdict: Verdict) -> Portion:
    if verdict is Verdict.UNKNOWN:
        return Portion(message, None, 0, 0, events, UNCERTAIN)
    return Portion(message, None, 0, events)


def properties_of(message: Message, job: str) -> Mapping[str, str]:
    """Return the properties of the message's copy: its own ones without those of the store, and the marks of the replay."""
    properties: dict[str, Any] = dict(message.properties)
    for name in [name for name in properties if name.startswith(STORES_PROPERTIES)]:
        del properties[name]
    properties[REPLAY_ID], properties[REPLAY_OF] = job, mark_of(message.position)
    properties[REPLAY_TIME] = _written(message.published)
    return properties


@lru_cache(maxsize=100)
def _written(when: datetime) -> str:
    """All messages of an entry have the same time, and it takes a third of what their properties do."""
    return when.isoformat()
