"""Texts of a cursor's move: its target, its effect, and its outcome."""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.auditing.acts import Act
from dashboard.models import State
from dashboard.privacy import display_id
from dashboard.rendering import fact_text
from dashboard.rendering.text import humanize_type, position_words, visible
from dashboard.templatetags.desk import ident
from eventstore.actions import Ending, Outcome, Part, outcome_of_error
from eventstore.cursors import Move, MovePlan
from eventstore.model import Edge, EventStoreError
from eventstore.streams import Row

HEADLINES = {
    Ending.PARTLY_DONE: "It was partly done.",
    Ending.UNKNOWN: "Whether this was done is not known.",
    Ending.FAILED: "The store did not do this.",
}
LOOK_FIRST = "Look at the subscription's cursors before you try again."

Failure = tuple[str, Sequence[str]]
"""A headline, and what went wrong in sentences."""

MOVED = (State.DONE, State.PARTLY_DONE)
SHOWN_NAMES = 5
"""Skipped events that a line of the record shows by name."""


def event_words(row: Row) -> SafeString:
    """The event by its type's words, its aggregate and its place. No value of its payload, and no personal id: the browser
    keeps this sentence."""
    of: tuple[str, str, str] = ("", "", "")
    if row.pointer is not None:
        of = (row.pointer.type, row.pointer.aggregate_type, row.pointer.aggregate_id)
    elif row.event is not None and not row.event.problem:
        of = (row.event.type, row.event.aggregate_type, row.event.aggregate_id)
    type_of, aggregate_type, aggregate_id = of
    place = format_html(
        '<bdi class="mono">{}</bdi>',
        visible(position_words(row.position)),
    )
    if row.event is not None and (member := row.event.message.member):
        place = format_html("{} (member {} of {}: the whole message is redelivered)", place, member.number, member.count)
    if not aggregate_id:
        return format_html("the message at {}", place)
    aggregate = format_html("<bdi>{}</bdi> {}", visible(aggregate_type), ident(display_id(aggregate_type, aggregate_id)))
    return format_html("“{}” of {} at {}", humanize_type(type_of), aggregate, place)


def place_words(move: Move) -> str:
    """Where a partition's cursor would go, in words: of a reset the next event, of a skip the last one skipped."""
    if move.goes_to is Edge.EARLIEST:
        return "the first event"
    return "behind the last event" if move.goes_to is Edge.LATEST else move.goes_to.label


def count_words(plan: MovePlan, count: int | None) -> str:
    if count is None:
        return "an unknown number of events"
    number = "no" if count == 0 and not plan.at_least else f"{count:,}"
    return ("at least " if plan.at_least else "") + number + (" event" if count == 1 else " events")


def touched_words(plan: MovePlan) -> str:
    """What the act does, for its button and its message: "1,204 events redelivered"."""
    again, passed_over = plan.again, plan.passed_over
    if again is None or passed_over is None:
        return "an unknown number of events redelivered"
    if passed_over and not again:
        return f"{count_words(plan, passed_over)} never delivered"
    text = f"{count_words(plan, again)} redelivered"
    return f"{text}, {passed_over:,} never delivered" if passed_over else text


def reset_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    """A reset on the record: from where to where, and what was redelivered."""
    details = act.details
    facts = [("From", _places(details.get("from"), partitions)), ("To", _places(details.get("to"), partitions))]
    again, passed_over = details.get("events_again"), details.get("events_passed_over")
    verb = {State.DONE: "redelivered", State.PARTLY_DONE: "to be redelivered"}.get(act.state, "would be redelivered")
    facts.append(("Events", f"{_count(again)} {verb}, {_count(passed_over)} skipped"))
    facts += _named(details)
    consumers = details.get("consumers")
    if consumers:
        facts.append(("Disconnected" if act.state in MOVED else "Connected", fact_text(consumers)))
    return facts


def skip_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    """A skip on the record: up to where, and what was skipped."""
    details = act.details
    verb = {State.DONE: "skipped", State.PARTLY_DONE: "to be skipped"}.get(act.state, "would be skipped")
    return [
        ("Acknowledged before", _places(details.get("from"), partitions)),
        ("Skipped up to", _places(details.get("to"), partitions)),
        ("Events", f"{_count(details.get('events_passed_over'))} {verb}"),
        *_named(details),
    ]


def _named(details: Mapping[str, object]) -> list[tuple[str, str]]:
    """The first of the events that are never delivered: their aggregates and ids."""
    names, count = details.get("never_delivered"), details.get("events_passed_over")
    if not isinstance(names, list) or not names:
        return []
    shown = [_event_name(name) for name in names[:SHOWN_NAMES] if isinstance(name, Mapping)]
    more = (count if isinstance(count, int) else len(names)) - len(shown)
    rest = f" and {more:,} more" if more > 0 else ""
    limit = f" (the record names the first {len(names):,})" if isinstance(count, int) and count > len(names) else ""
    return [("Never delivered", f"{', '.join(shown)}{rest}{limit}")]


def _event_name(name: Mapping[str, object]) -> str:
    event, aggregate = str(name.get("event", "")), str(name.get("aggregate", ""))
    return f"{aggregate}: {event}" if aggregate else event


def outcome_sentences(outcome: Outcome) -> list[str]:
    """What became of each partition that a reset was for: "Partition 0 was moved.", "Partition 1 was not moved: …"."""
    return [_part_sentence(part) for part in outcome.parts]


def failure_of(error: EventStoreError) -> Failure:
    """An error that came when nothing was known to have moved."""
    ending = outcome_of_error(error, (), {}).ending
    return HEADLINES[ending], [f"{error} {LOOK_FIRST}" if ending is Ending.UNKNOWN else str(error)]


def what_came_of(outcome: Outcome) -> Failure:
    """An act that ended, and was not wholly done."""
    sentences = outcome_sentences(outcome)
    return HEADLINES[outcome.ending], [*sentences, LOOK_FIRST] if outcome.ending is Ending.UNKNOWN else sentences


def _part_sentence(part: Part) -> str:
    name = part.name[:1].upper() + part.name[1:]
    if part.ending is Ending.DONE:
        return f"{name} was moved."
    verb = "was not moved" if part.ending is Ending.FAILED else "may have been moved"
    return f"{name} {verb}: {part.reason}"


def _places(places: object, partitions: int) -> str:
    """ "partition 1: 118:4021:3"; the place alone only where the topic is known to have but one partition."""
    if not isinstance(places, Mapping):
        return fact_text(places)
    if len(places) == partitions == 1:
        return fact_text(next(iter(places.values())))
    return fact_text({f"partition {number}": place for number, place in places.items()})


def _count(count: object) -> str:
    if not isinstance(count, int):
        return "an unknown number"
    return "none" if count == 0 else f"{count:,}"
