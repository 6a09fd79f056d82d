"""Texts of an undo: what it does, and how it reads on the record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboard.auditing.acts import Act
from dashboard.models import State
from dashboard.rendering import fact_text
from dashboard.rendering.text import visible
from eventstore.cursors import UndoPlan
from eventstore.model import SubscriptionCapabilities, SubscriptionType

MOST_NAMED = 20
"""Consumers that a preview names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequence:
    """One line of a preview. ``name`` is for tests and scripts, ``count`` the number that it is about."""

    tone: str
    mark: str
    text: str
    name: str = ""
    count: int | None = None
    big: bool = False


def events_words(count: int | None, *, at_least: bool = False) -> str:
    """ "4 events", "at least 1 event", "an unknown number of events"."""
    if count is None:
        return "an unknown number of events"
    return f"{'at least ' if at_least else ''}{count:,} event{'' if count == 1 else 's'}"


def button_words(plan: UndoPlan) -> str:
    """What the button does: "Undo: 4 events delivered after all"."""
    counts = plan.counts
    if counts.comes == 0 and not plan.at_least:
        return f"Undo: {events_words(counts.called_off)} not redelivered"
    return f"Undo: {events_words(counts.comes, at_least=plan.at_least)} delivered after all"


def consequences(plan: UndoPlan, can: SubscriptionCapabilities) -> Sequence[Consequence]:
    """What the undo would do, most important first."""
    return [*_delivered(plan), *_twice(plan), *_consumers(plan, can), *_joining(plan)]


def _delivered(plan: UndoPlan) -> Iterator[Consequence]:
    counts = plan.counts
    comes = events_words(counts.comes, at_least=plan.at_least)
    if counts.comes is None:
        text = "The index does not know this topic yet, so nothing can be counted. The cursor is put back all the same."
        yield Consequence(tone="warn", mark="▲", text=text, name="comes")
        return
    skipped = "" if plan.counts.twice != 0 else " that the move skipped"  # what comes twice is among them
    text = f"{_capital(comes)}{skipped} will be delivered after all."
    if counts.comes or plan.at_least:
        yield Consequence(tone="info", mark="↻", text=text, name="comes", count=counts.comes, big=True)
    if counts.called_off:
        waits = "waits" if counts.called_off == 1 else "wait"
        what = _capital(events_words(counts.called_off))
        text = f"{what} that {waits} now will not be redelivered: acknowledged before the move."
        yield Consequence(tone="ok", mark="✓", text=text, name="called-off", count=counts.called_off, big=True)
    if not (counts.comes or counts.called_off or plan.at_least):
        yield Consequence(tone="info", mark="○", text="No event is delivered or called off: only the cursor's place changes.")
    if counts.gone:
        text = (
            f"{_capital(events_words(counts.gone))} that the move skipped cannot come back: retention has removed them since."
        )
        yield Consequence(tone="bad", mark="✕", text=text, name="gone", count=counts.gone, big=True)
    if plan.at_least:
        yield Consequence(tone="warn", mark="▲", text="The index is behind on this topic, so the counts may be too low.")


def _twice(plan: UndoPlan) -> Iterator[Consequence]:
    counts = plan.counts
    if plan.inside_batches:
        text = (
            "A batch that was handled in part is delivered whole. The broker does not tell which of its events are "
            "acknowledged, so these are not counted."
        )
        yield Consequence(tone="warn", mark="▲", text=text, name="inside-batches")
    if counts.twice == 0 and plan.inside_batches:
        return
    if counts.twice == 0:
        text = "No event that was acknowledged is delivered a second time."
        yield Consequence(tone="ok", mark="✓", text=text, name="twice", count=0)
        return
    twice = events_words(counts.twice)
    twice = f"up to {twice}" if plan.left_out and counts.twice is not None else twice
    text = f"{_capital(twice)} will be delivered although acknowledged before, because {_why_twice(plan)}."
    yield Consequence(tone="warn", mark="▲", text=text, name="twice", count=counts.twice, big=True)


def _why_twice(plan: UndoPlan) -> str:
    if plan.blocked:
        names = ", ".join(visible(consumer.name) or "(no name)" for consumer in plan.consumers[:MOST_NAMED])
        return (
            f"this subscription is exclusive and its consumer {names} is connected, so that no other consumer can "
            "acknowledge for it. To avoid that, stop the consumer and reload this preview"
        )
    if plan.left_out:
        return f"the record keeps the first acknowledged ranges beyond the cursor, and {plan.left_out:,} more were left out"
    if plan.counts.twice is None:
        return "the index does not know this topic yet"
    return "more of them lie beyond the cursor's place than are acknowledged again one by one"


def _consumers(plan: UndoPlan, can: SubscriptionCapabilities) -> Iterator[Consequence]:
    if not can.reset_disconnects:
        return
    if not plan.consumers:
        if can.lists_consumers:
            yield Consequence(tone="ok", mark="✓", text="No consumer is connected, so none is disconnected.")
        return
    names = ", ".join(visible(consumer.name) or "(no name)" for consumer in plan.consumers[:MOST_NAMED])
    more = " and others" if len(plan.consumers) > MOST_NAMED else ""
    s = "" if len(plan.consumers) == 1 else "s"
    text = f"{len(plan.consumers)} consumer{s} will be disconnected, and must reconnect: {names}{more}."
    yield Consequence(tone="warn", mark="▲", text=text)
    held = f" They hold {events_words(plan.held)} at this moment." if plan.held else ""
    text = f"What they hold, or acknowledge while the cursor is put back, may be delivered once more.{held}"
    yield Consequence(tone="warn", mark="▲", text=text, name="held", count=plan.held)


def _joining(plan: UndoPlan) -> Iterator[Consequence]:
    if not plan.joins:
        return
    text = (
        f"To acknowledge {events_words(plan.counts.again)} beyond the cursor's place again, Eventdesk joins the subscription "
        "for a moment and handles no event. A consumer of another type is refused meanwhile."
    )
    if plan.consumers:
        text += " Connected consumers may be given some of these events in between."
    if plan.type is SubscriptionType.FAILOVER:
        text += " In a failover subscription another consumer may become the active one."
    if plan.type is SubscriptionType.KEY_SHARED:
        text += (
            " In a key_shared subscription it has a share of the keys meanwhile: a few entries may go to it, unread, and "
            "then to a consumer."
        )
    yield Consequence(tone="info", mark="○", text=text, name="joins", count=plan.counts.again)


def undo_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    """An undo on the record."""
    details = act.details
    verb = {State.DONE: "delivered after all", State.PARTLY_DONE: "to be delivered"}.get(act.state, "would be delivered")
    facts = [("From", _places(details.get("from"))), ("Back to", _places(details.get("to")))]
    facts.append(("Events", f"{_count(details.get('events_delivered'))} {verb}"))
    if details.get("events_twice"):
        facts.append(("Delivered twice", _count(details.get("events_twice"))))
    if details.get("events_gone"):
        facts.append(("Removed by retention", _count(details.get("events_gone"))))
    if details.get("consumers"):
        facts.append(("Connected", fact_text(details["consumers"])))
    facts.append(("Undoes act", fact_text(details.get("undoes"))))
    return facts


def _places(places: object) -> str:
    if not isinstance(places, Mapping):
        return fact_text(places)
    return fact_text({f"partition {number}": place for number, place in places.items()})


def _count(count: object) -> str:
    return f"{count:,}" if isinstance(count, int) else "an unknown number"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
