"""Who may reset a cursor, and how a reset reads on the record. Importing this module registers both."""

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.rendering import tell
from dashboard.subscriptions.cursor_reset_text import reset_facts
from eventstore.subscriptions import RESET_CURSOR

allow(RESET_CURSOR, Rule(roles=HELPERS))
tell(RESET_CURSOR, reset_facts)
