"""Who may open a case and what belongs to it, and how that reads on the record. Importing this module registers both."""

from collections.abc import Sequence

from dashboard.access.policy import OVERSEERS, REVEALERS, Rule, allow
from dashboard.auditing.acts import Act
from dashboard.rendering import fact_text, tell
from eventstore.actions import Action, Resource, Undo, register

CASE = "case"


def _action(name: str, title: str, doing: str, how: str, *, possible: bool = False) -> Action:
    undo = Undo(possible=possible, how=how)
    return register(Action(name=name, acts_on=frozenset({CASE}), title=title, doing=doing, undo=undo, exclusive=False))


OPEN_CASE = _action("open_case", "Open case", "is being opened", "Close the case.", possible=True)
CLOSE_CASE = _action("close_case", "Close case", "is being closed", "Open another one for the same ticket.")
NOTE_IN_CASE = _action("note_in_case", "Write note in case", "is being written in", "A note stays in its case.")
EXPORT_CASE = _action("export_case", "Export case", "is being exported", "A file that was downloaded cannot be taken back.")


def case_resource(number: int) -> Resource:
    return Resource(kind=CASE, name=str(number))


def _facts(act: Act, partitions: int) -> Sequence[tuple[str, str]]:
    named = {"ticket": "Ticket", "hours": "Hours", "characters": "Characters", "entries": "Entries", "form": "As"}
    return [(label, fact_text(act.details[name])) for name, label in named.items() if act.details.get(name)]


allow(OPEN_CASE, Rule(roles=REVEALERS, while_read_only=True))
allow(CLOSE_CASE, Rule(roles=REVEALERS, while_read_only=True))
allow(NOTE_IN_CASE, Rule(roles=REVEALERS, while_read_only=True))
allow(EXPORT_CASE, Rule(roles=REVEALERS | OVERSEERS, while_read_only=True))
for action in (OPEN_CASE, CLOSE_CASE, NOTE_IN_CASE, EXPORT_CASE):
    tell(action, _facts)
