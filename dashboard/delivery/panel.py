"""Delivery of one event: a line for each subscription of its topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.delivery.columns import Cell, cell_of
from dashboard.delivery.dead_lettered import LETTERS, letters_url_of
from dashboard.delivery.figures import Figures
from dashboard.delivery.words import counted_events, note_of, source_of
from dashboard.rendering import event_url, reset_to_url, skip_before_url, skip_event_url
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.marks import events_words
from eventstore.delivery import Delivery, Waiting, Why
from eventstore.model import DeliveryState, Pointer

MOST_LINES = 50
"""Subscriptions of a topic that are told one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelLine:
    """One subscription. ``behind``: how much it has yet to handle, here and in all; empty if nothing of this event waits."""

    name: str
    url: str
    cell: Cell
    source: str
    since: datetime | None
    copy_url: str
    behind: str
    note: str
    holds_url: str
    letters_url: str
    """Leads to the subscription's dead letters; empty unless the event is one of them."""
    nobody: bool
    """Something waits, and no consumer is connected."""
    skip_url: str
    """The preview of skipping the event; empty if it does not wait."""
    from_here_url: str
    """The preview of moving the cursor to the event, forward if it waits and back if not; empty if it is not ours to move."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """``lines``: by name, what is stuck first. ``unavailable``: why the store does not tell of the topic's subscriptions.
    ``asked``: it was asked for them, and told them."""

    lines: Sequence[PanelLine]
    more: int
    """Subscriptions without a line: those with one have more to tell."""
    topic: str
    as_of: datetime | None
    unavailable: str
    asked: bool
    indexed: bool
    copies_behind: bool
    """Some dead letters and retries of the topic's events may not be indexed yet."""


def panel_of(figures: Figures, pointer: Pointer | None, topic: str, waiting: Sequence[Waiting]) -> Panel:
    """What became of the event. ``waiting`` is of its aggregate."""
    found = figures.book.of([pointer])[0] if pointer is not None else {}
    here = {one.name: one for one in waiting if one.topic == topic}
    known = [(figures.lines.get((topic, name)), name) for name in found]
    at = pointer.position.encode() if pointer is not None and pointer.ended_at is None else ""
    told = _worth_seeing([(line, name) for line, name in known if line is not None], found)
    lines = [_line(line, found[name], here.get(name), at) for line, name in told[:MOST_LINES]]
    return Panel(
        lines=sorted(lines, key=lambda line: (line.cell.state is not DeliveryState.STUCK, line.name)),
        more=max(0, len(told) - MOST_LINES),
        topic=topic,
        as_of=figures.as_of,
        unavailable=dict(figures.unavailable).get(topic, ""),
        asked=topic in figures.asked_topics,
        indexed=pointer is not None,
        copies_behind=figures.book.copies_are_behind([topic], figures.asked_topics),
    )


def _worth_seeing(known: Sequence[tuple[Line, str]], found: Mapping[str, Delivery]) -> Sequence[tuple[Line, str]]:
    """Those first at which the event is stuck, then those that have not acknowledged it."""

    def rank(pair: tuple[Line, str]) -> tuple[bool, bool, str]:
        state = found[pair[1]].state
        return state is not DeliveryState.STUCK, state is DeliveryState.ACKNOWLEDGED, pair[1]

    return sorted(known, key=rank) if len(known) > MOST_LINES else known


def _line(line: Line, delivery: Delivery, waiting: Waiting | None, at: str) -> PanelLine:
    names = (line.topic.name, line.subscription.name)
    url, movable = reverse("subscription", args=names), bool(at) and delivery.why is not Why.EXTERNAL
    copy = delivery.copy
    return PanelLine(
        name=line.subscription.name,
        url=url,
        cell=cell_of(line.subscription.name, delivery),
        source=source_of(delivery),
        since=delivery.since,
        copy_url=event_url(copy.event_id, copy.position) if copy is not None else "",
        behind=_behind(line, waiting) if delivery.waits else "",
        note=note_of(delivery),
        holds_url=f"{url}#holder" if delivery.state is DeliveryState.STUCK else "",
        skip_url=skip_event_url(*names, at) if movable and delivery.waits else "",
        from_here_url=(skip_before_url if delivery.waits else reset_to_url)(*names, at) if movable else "",
        letters_url=letters_url_of(line.topic.name, line.subscription.name) if delivery.state in LETTERS else "",
        nobody=delivery.waits and line.unattended_and_told,
    )


def _behind(line: Line, waiting: Waiting | None) -> str:
    """How much waits: "2 events here, 1,204 events in all"."""
    everything = f"{events_words(line.backlog)} in all"
    if waiting is None or not waiting.pending:
        return everything
    return f"{counted_events(waiting.pending, all_counted=waiting.all_counted)} here, {everything}"
