"""What people do with their own accounts, and admins with those of others. Importing this module registers it."""

from dashboard.access.command_actions import ACCOUNT
from dashboard.access.policy import ADMINS, NO_PAGE, PAGE, Rule, allow
from dashboard.models import Role
from eventstore.actions import Action, Undo, register


def _action(name: str, title: str, how: str, *, possible: bool = False) -> Action:
    undo = Undo(possible=possible, how=how)
    return register(Action(name=name, acts_on=frozenset({ACCOUNT}), title=title, doing="is being changed", undo=undo))


CHANGE_PASSWORD = _action("change_password", "Change password", "Change it again.")
ENROL = _action("enrol_second_factor", "Set up second factor", "Remove it.", possible=True)
REMOVE_OWN = _action("remove_own_second_factor", "Remove own second factor", "Set it up again.")
NEW_CODES = _action("make_recovery_codes", "Make recovery codes", "Make new ones.")
END_SESSIONS = _action("end_sessions", "End sessions", "Log in again.")
REMOVE_FACTOR = _action("remove_second_factor", "Remove second factor", "The person sets it up again.")
CHANGE_ACCOUNT = _action("change_account", "Change account", "Change it back (change_account).", possible=True)
END_SESSIONS_OF = _action("end_sessions_of_person", "End sessions of a person", "The person logs in again.")
SET_GROUPS = _action("set_groups", "Set groups", "Put them into the groups of before (set_groups).", possible=True)

for own in (CHANGE_PASSWORD, ENROL, REMOVE_OWN, NEW_CODES, END_SESSIONS):
    allow(own, Rule(roles=frozenset(Role), via=frozenset({PAGE}), while_read_only=True))
for others in (REMOVE_FACTOR, END_SESSIONS_OF, CHANGE_ACCOUNT):  # access is taken away while it is read-only too
    allow(others, Rule(roles=ADMINS, via=NO_PAGE, while_read_only=True))
allow(SET_GROUPS, Rule(roles=ADMINS, via=NO_PAGE))
