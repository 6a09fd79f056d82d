"""How a delivery state reads and looks, on every page alike."""

from collections.abc import Mapping, Set

from dashboard.rendering.text import format_number
from eventstore.delivery import Delivery, Source, Why
from eventstore.model import DeliveryState

MARKS: Mapping[DeliveryState, tuple[str, str]] = {
    DeliveryState.ACKNOWLEDGED: ("ok", "✓"),
    DeliveryState.PENDING: ("info", "○"),
    DeliveryState.STUCK: ("bad", "▲"),
    DeliveryState.RETRYING: ("warn", "↻"),
    DeliveryState.DEAD_LETTERED: ("bad", "✕"),
    DeliveryState.PASSED_OVER: ("quiet", "\N{EN DASH}"),
    DeliveryState.UNKNOWN: ("quiet", "?"),
}
"""A state's tone and mark, in the order in which a legend lists them."""

NOTES: Mapping[Why, str] = {
    Why.EXTERNAL: "This group keeps its positions elsewhere, as the configuration declares: the broker's cursor says nothing.",
    Why.PHANTOM: "Nothing has ever been acknowledged in this subscription, and no consumer is connected.",
    Why.ANEW: "The event lies in the old topic, which is gone: the cursors of now stand in the new one.",
    Why.INSIDE_BATCH: "The broker may hold acknowledgements of single events of this batch. It does not tell which.",
    Why.JUMPED: "The cursor moved past more events than the consumers were given. Which of them they got is not known.",
    Why.NO_CURSOR: "The store tells of no cursor in this partition.",
    Why.UNNAMED: "A copy of it in a dead-letter or retry topic does not tell which subscription sent it. It may be this one.",
    Why.WAITS_AGAIN: "The cursor was moved back since: the event is redelivered.",
}
SOURCES: Mapping[Source, tuple[str, str]] = {
    Source.CURSOR: ("the store\N{RIGHT SINGLE QUOTATION MARK}s cursor", "the store\N{RIGHT SINGLE QUOTATION MARK}s cursors"),
    Source.LETTER: ("its dead letter", "dead letters"),
    Source.RETRY: ("its copy in the retry topic", "copies in retry topics"),
    Source.LOOKS: ("earlier looks at the cursor", "earlier looks at cursors"),
    Source.RECORD: ("a cursor reset made in this desk", "cursor resets made in this desk"),
    Source.CONFIGURATION: ("the configuration", "the configuration"),
}
"""What an answer rests on: of one event in one subscription, and of a page of them. Of ``NOTHING`` there is nothing to say."""
PASSED = "Skipped, cleared or expired, or older than the subscription: the cursor moved past it, and no consumer was given it."
LETTER = "A dead letter does not prove that its consumer failed on this event: a batch is dead-lettered as a whole."
RETRIED = "Acknowledged in the retry topic, after another attempt."


def word_of(delivery: Delivery) -> str:
    """The state in words: "pending, batch of 5"."""
    if delivery.batch is None:
        return delivery.state.value
    return f"{delivery.state.value}, batch of {format_number(delivery.batch)}"


def counted_events(count: int, *, all_counted: bool) -> str:
    """As a part of a sentence: "2 events", "at least 200 events"."""
    words = f"{format_number(count)} event{'' if count == 1 else 's'}"
    return words if all_counted else f"at least {words}"


def source_of(delivery: Delivery) -> str:
    """What the state rests on: "the store's cursor"; empty if nothing tells."""
    return SOURCES.get(delivery.source, ("", ""))[0]


def sources_of(sources: Set[Source]) -> str:
    """What a page's states rest on: "the store's cursors, dead letters"."""
    return ", ".join(words for source, (_, words) in SOURCES.items() if source in sources)


def note_of(delivery: Delivery) -> str:
    """What has to be said of it beside its word; empty for what the word says."""
    if delivery.state is DeliveryState.PASSED_OVER:
        return PASSED
    if delivery.state is DeliveryState.DEAD_LETTERED:
        return f"{LETTER} {NOTES[delivery.why]}" if delivery.why is not Why.NOTHING else LETTER
    if delivery.source is Source.RETRY and delivery.state is DeliveryState.ACKNOWLEDGED:
        return RETRIED
    return NOTES.get(delivery.why, "")
