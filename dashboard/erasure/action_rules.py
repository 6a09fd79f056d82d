"""Who may forget values and take the answer to a request for erasure away, and how that reads on the record. Importing this
module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import PRIVACY_OFFICERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.actions import AGGREGATE, Action, Undo, register
from eventstore.erasure import FORGET_VALUES

EXPORT_ERASURE = register(
    Action(
        name="export_erasure",
        acts_on=frozenset({AGGREGATE}),
        title="Export answer to a request for erasure",
        doing="is being exported",
        undo=Undo(possible=False, how="A file that was downloaded cannot be taken back."),
        exclusive=False,
    )
)
"""It holds names, counts and times, and no value of an event."""


def _forget_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    details = act.details
    values = details.get("values")
    counted = ", ".join(f"{name}: {count:,}" for name, count in values.items()) if isinstance(values, dict) else ""
    more = "" if details.get("all_counted", True) else " at least"
    facts = [("Values", f"{counted}{more}" if counted else "none"), ("Events", fact_text(details.get("events", 0)))]
    return facts + ([("Ticket", fact_text(details["ticket"]))] if details.get("ticket") else [])


def _export_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    return [("Events", fact_text(act.details.get("events", 0)))]


allow(FORGET_VALUES, Rule(roles=PRIVACY_OFFICERS, everywhere=True))
allow(EXPORT_ERASURE, Rule(roles=PRIVACY_OFFICERS, while_read_only=True))
tell(FORGET_VALUES, _forget_facts)
tell(EXPORT_ERASURE, _export_facts)
