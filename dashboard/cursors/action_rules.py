"""Who may move a cursor, and how a move reads on the record. Importing this module registers both."""

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.cursors.texts import reset_facts, skip_facts
from dashboard.cursors.undo_texts import undo_facts
from dashboard.rendering import tell
from eventstore.cursors import MOVES, RESET_CURSOR, SKIPS, UNDO_MOVE

for action in MOVES:
    allow(action, Rule(roles=HELPERS))
for action in SKIPS:
    tell(action, skip_facts)
tell(RESET_CURSOR, reset_facts)
allow(UNDO_MOVE, Rule(roles=HELPERS))
tell(UNDO_MOVE, undo_facts)
