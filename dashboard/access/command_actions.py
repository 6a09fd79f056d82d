"""The actions of the command line: accounts, logins, API tokens and publishing. Importing this module registers them."""

from dashboard.access.policy import ADMINS, NO_PAGE, Rule, allow
from eventstore.actions import Action, Resource, Undo, register
from eventstore.importing import PUBLISH

ACCOUNT = "account"
API_TOKEN = "api_token"  # noqa: S105 - a kind of resource
ADDRESS = "address"
PLACE = "place"
"""A page, a websocket or a command, by its name."""

MANAGE_PEOPLE = register(
    Action(
        name="manage_people",
        acts_on=frozenset({ACCOUNT}),
        title="Make account",
        doing="is being changed",
        undo=Undo(possible=False, how="An account is never removed."),
    )
)
SET_EMAIL = register(
    Action(
        name="set_email",
        acts_on=frozenset({ACCOUNT}),
        title="Set e-mail address",
        doing="is being changed",
        undo=Undo(possible=True, how="Set the address that it had before (set_email)."),
    )
)
LOG_IN = register(
    Action(
        name="log_in",
        acts_on=frozenset({ACCOUNT}),
        title="Log in",
        doing="is being logged in",
        undo=Undo(possible=False, how="Log out."),
    )
)
"""Nobody performs it: the login page records each one, whether it failed or not."""
LOG_OUT = register(
    Action(
        name="log_out",
        acts_on=frozenset({ACCOUNT}),
        title="Log out",
        doing="is being logged out",
        undo=Undo(possible=False, how="Log in again."),
    )
)
REFUSED = register(
    Action(
        name="refused",
        acts_on=frozenset({PLACE}),
        title="Refused",
        doing="is being refused",
        undo=Undo(possible=False, how="Nothing was done."),
    )
)
"""Nobody performs it: what somebody tried who may not is recorded so, by ``dashboard.auditing.refusals``."""
CONNECT = register(
    Action(
        name="connect",
        acts_on=frozenset({API_TOKEN}),
        title="Connect by API token",
        doing="is being connected",
        undo=Undo(possible=False, how="What was seen cannot be unseen. Revoke the token."),
        exclusive=False,
    )
)
"""Nobody performs it: the tail's websocket records it."""
allow(CONNECT, Rule(roles=frozenset(), while_read_only=True))
ALLOW_LOGINS = register(
    Action(
        name="allow_logins",
        acts_on=frozenset({ACCOUNT, ADDRESS}),
        title="Allow logins again",
        doing="is being allowed to log in again",
        undo=Undo(possible=False, how="The limit applies again after the next failed logins."),
    )
)
MAKE_TOKEN = register(
    Action(
        name="make_token",
        acts_on=frozenset({API_TOKEN}),
        title="Make API token",
        doing="is being made",
        undo=Undo(possible=True, how="Revoke the token (revoke_token). Its name stays taken."),
    )
)
REVOKE_TOKEN = register(
    Action(
        name="revoke_token",
        acts_on=frozenset({API_TOKEN}),
        title="Revoke API token",
        doing="is being revoked",
        undo=Undo(possible=False, how="Make another token, with another name."),
    )
)

for action in (PUBLISH, MANAGE_PEOPLE, SET_EMAIL):
    allow(action, Rule(roles=ADMINS, via=NO_PAGE))
allow(ALLOW_LOGINS, Rule(roles=ADMINS, via=NO_PAGE, while_read_only=True))
allow(MAKE_TOKEN, Rule(roles=ADMINS))
allow(REVOKE_TOKEN, Rule(roles=ADMINS, while_read_only=True))
for action in (LOG_IN, LOG_OUT, REFUSED):
    allow(action, Rule(roles=frozenset(), while_read_only=True))


def account(name: str) -> Resource:
    return Resource(kind=ACCOUNT, name=name)


def address(text: str) -> Resource:
    return Resource(kind=ADDRESS, name=text)


def place(name: str) -> Resource:
    return Resource(kind=PLACE, name=name)


def api_token(name: str) -> Resource:
    return Resource(kind=API_TOKEN, name=name)
