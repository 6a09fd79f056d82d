"""Who may reset a cursor, and how a reset reads on the record. Importing this module registers both."""

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.cursors.texts import reset_facts
from dashboard.rendering import tell
from eventstore.cursors import RESET_CURSOR

allow(RESET_CURSOR, Rule(roles=HELPERS))
tell(RESET_CURSOR, reset_facts)
