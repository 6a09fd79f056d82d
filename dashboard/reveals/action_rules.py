"""Who may reveal masked values, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import EVERYBODY, IN_AN_EMERGENCY, OVERSEERS, REVEALERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.auditing.looks import EVENT
from dashboard.models import Role
from dashboard.rendering import fact_text, tell
from eventstore.actions import AGGREGATE, Action, Resource, Undo, register

REVEALS = "reveals"
_NEVER = Undo(possible=False, how="What was seen cannot be unseen. End the reveal to hide it again.")

REVEAL = register(
    Action(
        name="reveal",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="Reveal",
        doing="is being revealed",
        undo=_NEVER,
        exclusive=False,
    )
)
EMERGENCY_REVEAL = register(
    Action(
        name="emergency_reveal",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="Reveal in an emergency",
        doing="is being revealed",
        undo=_NEVER,
        exclusive=False,
    )
)
END_REVEAL = register(
    Action(
        name="end_reveal",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="End reveal",
        doing="is being hidden",
        undo=Undo(possible=True, how="Reveal it again."),
        exclusive=False,
    )
)
"""Recorded if a person does it. What ends by itself is on the list of reveals."""
SEE_EMERGENCY = register(
    Action(
        name="see_emergency",
        acts_on=frozenset({AGGREGATE, EVENT}),
        title="Note emergency reveal as seen",
        doing="is being noted",
        undo=Undo(possible=False, how="It stays on the list of reveals."),
        exclusive=False,
    )
)
EXPORT_REVEALS = register(
    Action(
        name="export_reveals",
        acts_on=frozenset({REVEALS}),
        title="Export reveals",
        doing="are being exported",
        undo=Undo(possible=False, how="A file that was downloaded cannot be taken back."),
        exclusive=False,
    )
)

LIST = Resource(kind=REVEALS, name="reveals")


def _facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    named = {"what": "What", "path": "Field", "ticket": "Ticket", "case": "Case", "minutes": "Minutes", "from": "Address"}
    facts = [(label, fact_text(act.details[name])) for name, label in named.items() if act.details.get(name)]
    return facts + ([("Event", act.resource.name)] if act.resource.name else [])


allow(REVEAL, Rule(roles=REVEALERS, while_read_only=True))
allow(EMERGENCY_REVEAL, Rule(roles=IN_AN_EMERGENCY, while_read_only=True))
allow(END_REVEAL, Rule(roles=EVERYBODY, while_read_only=True, whatever_scope=True))
allow(SEE_EMERGENCY, Rule(roles=frozenset({Role.PRIVACY}), while_read_only=True))
allow(EXPORT_REVEALS, Rule(roles=OVERSEERS, while_read_only=True, rows=100_000))
for action in (REVEAL, EMERGENCY_REVEAL, END_REVEAL, SEE_EMERGENCY):
    tell(action, _facts)
