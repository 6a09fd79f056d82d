"""Who may act on dead letters, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import EVERYBODY, HELPERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.actions import TOPIC, Action, Undo, register
from eventstore.letters import BURY_LETTERS, KEEP_LETTERS

EXPORT_LETTERS = register(
    Action(
        name="export_letters",
        acts_on=frozenset({TOPIC}),
        title="Export dead letters",
        doing="is being exported",
        undo=Undo(possible=False, how="A file that was downloaded cannot be taken back."),
        exclusive=False,
    )
)
"""Masked for whoever exports, as pages are."""


def _burial_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    details = act.details
    facts = [("Letters", fact_text(details.get("letters", 0))), ("Events", fact_text(details.get("event_ids", ())))]
    return facts + ([("Left", fact_text(details["left_out"]))] if details.get("left_out") else [])


def _keeping_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    return [("From", "the first letter"), ("Letters", fact_text(act.details.get("letters", 0)))]


def _export_facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    facts = [("Of", fact_text(act.details.get("of", ""))), ("Values", fact_text(act.details.get("values", "")))]
    return facts + ([("Filter", "with a filter")] if act.details.get("filtered") else [])


allow(BURY_LETTERS, Rule(roles=HELPERS))
allow(KEEP_LETTERS, Rule(roles=HELPERS))
allow(EXPORT_LETTERS, Rule(roles=EVERYBODY, while_read_only=True, rows=10_000))
tell(BURY_LETTERS, _burial_facts)
tell(KEEP_LETTERS, _keeping_facts)
tell(EXPORT_LETTERS, _export_facts)
