"""Who may promote and discard generations, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.replays import DISCARD_GENERATION, PROMOTE_GENERATION


def _promoted(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    details = act.details
    facts = [("Instead of", fact_text(details.get("instead_of", "")))]
    if details.get("waiting") is not None:
        facts.append(("Waited then", fact_text(details["waiting"])))
    return facts


def _discarded(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    details = act.details
    facts = [("Topics", fact_text(details.get("topics", ())))]
    for name, key in (("Had acknowledged", "acknowledged"), ("Waited then", "waiting")):
        if details.get(key) is not None:
            facts.append((name, fact_text(details[key])))
    return facts


allow(PROMOTE_GENERATION, Rule(roles=HELPERS))
allow(DISCARD_GENERATION, Rule(roles=HELPERS))
tell(PROMOTE_GENERATION, _promoted)
tell(DISCARD_GENERATION, _discarded)
