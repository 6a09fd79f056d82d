"""What a cursor reset is aimed at and what it touches, in words."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.rendering import text as words
from dashboard.templatetags.desk import ident
from eventstore.model import Edge
from eventstore.streams import Row
from eventstore.subscriptions import Move, ResetPlan


def event_words(row: Row) -> SafeString:
    """The event by its type's words, its aggregate and its place. No value of its payload: the browser keeps this sentence."""
    of: tuple[str, str, str] = ("", "", "")
    if row.pointer is not None:
        of = (row.pointer.type, row.pointer.aggregate_type, row.pointer.aggregate_id)
    elif row.event is not None and not row.event.problem:
        of = (row.event.type, row.event.aggregate_type, row.event.aggregate_id)
    type_of, aggregate_type, aggregate_id = of
    place = format_html(
        '<bdi class="mono">{}</bdi>',
        f"{words.short_topic(row.position.topic)}-{row.position.partition} · {words.visible(row.position.label)}",
    )
    if not aggregate_id:
        return format_html("the message at {}", place)
    aggregate = format_html("<bdi>{}</bdi> {}", words.visible(aggregate_type), ident(aggregate_id))
    return format_html("“{}” of {} at {}", words.of_type(type_of), aggregate, place)


def place_words(move: Move) -> str:
    """Where a partition's cursor would go, in words."""
    if move.goes_to is Edge.EARLIEST:
        return "the first event"
    return "behind the last event" if move.goes_to is Edge.LATEST else move.goes_to.label


def count_words(plan: ResetPlan, count: int | None) -> str:
    if count is None:
        return "nobody knows how many events"
    number = "no" if count == 0 and not plan.at_least else f"{count:,}"
    return ("at least " if plan.at_least else "") + number + (" event" if count == 1 else " events")


def touched_words(plan: ResetPlan) -> str:
    """What the act does, for its button and its message: "1,204 events come again"."""
    again, passed_over = plan.again, plan.passed_over
    if again is None or passed_over is None:
        return "not known how many events come again"
    verb = "is" if passed_over == 1 else "are"
    if passed_over and not again:
        return f"{count_words(plan, passed_over)} {verb} never delivered"
    text = f"{count_words(plan, again)} {'comes' if again == 1 else 'come'} again"
    return f"{text}, {passed_over:,} {verb} never delivered" if passed_over else text
