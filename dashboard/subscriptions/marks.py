"""How the states of subscriptions look and read, on every page alike."""

from dashboard.rendering.text import format_number
from eventstore.model import SubscriptionKind
from eventstore.subscriptions import Backlog, Counted, State

MARKS = {
    State.STUCK: ("bad", "▲", "stuck"),
    State.BLOCKED: ("bad", "■", "blocked"),
    State.NO_CONSUMERS: ("warn", "∅", "no consumers"),
    State.TRIMMED: ("bad", "✕", "trimmed past its cursor"),
    State.SLOW: ("warn", "↘", "slow"),
    State.CATCHING_UP: ("info", "↻", "catching up"),
    State.HEALTHY: ("ok", "✓", "healthy"),
    State.IDLE: ("ok", "○", "idle"),
    State.DELAYED: ("info", "◷", "delayed"),
    State.HELD_BACK: ("warn", "‖", "held back"),
    State.EXTERNAL: ("quiet", "◌", "external positions"),
    State.PHANTOM: ("quiet", "◌", "phantom"),
    State.STORES_OWN: ("quiet", "◌", "the broker's own"),
}
"""A state's tone, mark and word."""
KEEPS_LETTERS = ("quiet", "■", "keeps dead letters")

WELL = frozenset({State.HEALTHY, State.IDLE})
KIND_WORDS = {SubscriptionKind.FUNCTION: "function", SubscriptionKind.SINK: "sink"}
"""Consumers of people's that run in the store's own workers."""


def waiting_words(backlog: Backlog) -> str:
    number = format_number(backlog.waiting)
    if backlog.counted is Counted.INDEX_BEHIND:
        return f"at least {number}"
    if backlog.counted is Counted.ENTRIES:
        return f"{number} " + ("entry" if backlog.waiting == 1 else "entries")
    return number


def events_words(backlog: Backlog) -> str:
    """As a part of a sentence: "1,204 events", "at least one event", "12 entries (a batch is one)"."""
    if backlog.counted is Counted.ENTRIES:
        return f"{waiting_words(backlog)} (a batch is one)"
    return waiting_words(backlog) + (" event" if backlog.waiting == 1 else " events")
