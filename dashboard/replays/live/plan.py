"""The plan of a replay, as its page and its report show it."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text
from dashboard.rendering.text import short_topic, visible
from dashboard.replays.live import words
from eventstore.replays import ReplayOrder, Way

Fact = tuple[str, str]
SIDE_EFFECTS, CONSUMERS, HAZARDS = "side_effects", "consumers", "hazards"
"""Names of details that a plan puts on the record."""


def plan_facts(order: ReplayOrder, act: Act | None, *, values: bool = False) -> Sequence[Fact]:
    """What was confirmed. ``act``: the job's own act on the record, whose details tell what its preview showed. ``values``:
    whether values that a filter names may be shown; never in what is printed or kept."""
    details: Mapping[str, Any] = act.details if act is not None else {}
    return [
        ("What", words.what_of(order)),
        ("Which", words.which_of(order, values=values)),
        ("How", words.how_of(order)),
        *_told("Side effects", details.get(SIDE_EFFECTS), "none of these types has a declared side effect"),
        *_told("Consumers", details.get(CONSUMERS), "none was connected"),
        *_told("Hazards", details.get(HAZARDS), "none found"),
        ("Reaches", _reaches(order)),
        ("Up to", _ends(order)),
    ]


def _told(name: str, value: object, none: str) -> Sequence[Fact]:
    if value is None:
        return ()
    return [(name, visible(fact_text(value)) if value else none)]


def _reaches(order: ReplayOrder) -> str:
    if order.way is Way.LOCAL:
        return f"{visible(order.projection)} only"
    where = short_topic(order.target) if order.way is Way.TOPIC else ", ".join(map(short_topic, sorted(order.topics)))
    reader = order.target if order.way is Way.GENERATION else order.subscription
    return f"{visible(reader)} on {where}"


def _ends(order: ReplayOrder) -> str:
    """Where the frozen range ends in each partition, by ordinal: "documents-0 event 4,040"."""
    ends = [f"{short_topic(topic)}-{partition} event {bounds.end:,}" for topic, partition, bounds in order.each()]
    return ", ".join(ends[:6]) + (f" and {len(ends) - 6} more" if len(ends) > 6 else "")
