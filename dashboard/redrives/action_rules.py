"""Who may redrive dead letters, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.redrives import REDRIVE_LETTERS


def _facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    details, outcome = act.details, act.outcome
    facts = [("Letters", fact_text(details.get("letters", 0))), ("To", fact_text(details.get("target", "")))]
    if details.get("others"):
        facts.append(("Other subscriptions", fact_text(details["others"])))
    facts.append(("Events", fact_text(details.get("event_ids", ()))))
    if details.get("left_out"):
        facts.append(("Left", fact_text(details["left_out"])))
    if "sent" in outcome:
        facts.append(("Sent", fact_text(outcome["sent"])))
    if outcome.get("already_acknowledged"):
        facts.append(("Dealt with by others", fact_text(outcome["already_acknowledged"])))
    return facts


allow(REDRIVE_LETTERS, Rule(roles=HELPERS))
tell(REDRIVE_LETTERS, _facts)
