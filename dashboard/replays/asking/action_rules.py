"""Who may replay events, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.replays import REPLAY_EVENTS

_NAMES = {
    "projection": "Projection",
    "way": "Way",
    "ticket": "Ticket",
    "events": "Events",
    "aggregates": "Aggregates",
    "target": "To",
    "side_effects": "Side effects",
    "hazards": "Hazards",
    "event_ids": "First events",
}


def _facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    facts = [(name, fact_text(act.details[key])) for key, name in _NAMES.items() if act.details.get(key)]
    what = act.details.get("what")
    if isinstance(what, dict):
        facts.insert(2, ("What", ", ".join(str(part) for part in what.values())))
    return facts


allow(REPLAY_EVENTS, Rule(roles=HELPERS))
tell(REPLAY_EVENTS, _facts)
