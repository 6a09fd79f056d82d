"""What signing in puts on the record besides logins. Importing this module registers it."""

from dashboard.access.command_actions import ACCOUNT
from dashboard.access.policy import Rule, allow
from eventstore.actions import Action, Undo, register

ROLE_BY_GROUPS = register(
    Action(
        name="role_by_groups",
        acts_on=frozenset({ACCOUNT}),
        title="Role by groups",
        doing="is being given another role",
        undo=Undo(possible=False, how="Change the person's groups at the provider."),
    )
)
"""Nobody performs it: it follows what the sign-in provider says."""
allow(ROLE_BY_GROUPS, Rule(roles=frozenset()))
