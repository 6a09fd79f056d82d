"""How the states of subscriptions look and read, on every page alike."""

from eventstore.model import SubscriptionKind
from eventstore.subscriptions import State

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
