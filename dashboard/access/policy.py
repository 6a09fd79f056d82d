"""The one access table: which roles may do what, and from where.

Every check goes through here: a view asks ``allows``, and every act passes ``may`` (handed to the desk by
``dashboard.gateway``). Whatever is not in the table is allowed to nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboard.models import ApiToken, Person, Role
from eventstore.actions import Actor

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

PAGE = "page"
"""A person at a browser."""
COMMAND_LINE = "command line"
"""A person named on the command line (``--as``): their own role decides."""
SHELL = "shell"
"""The operating system's user. Who has a shell on the server can read its databases: the table binds no such person."""

SCRIPT = "script"
"""A script with an API token: its role decides, where a rule lets tokens in at all."""

EVERYBODY = frozenset({Role.VIEWER, Role.SUPPORT, Role.APPROVER, Role.ADMIN})
HELPERS = frozenset({Role.SUPPORT, Role.APPROVER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
ANYWHERE = frozenset({PAGE, COMMAND_LINE, SHELL})
NO_PAGE = frozenset({COMMAND_LINE, SHELL})
SCRIPTS_TOO = ANYWHERE | {SCRIPT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Who may, and its limit: from where. A rule without ``PAGE`` is never open to a browser."""

    roles: frozenset[Role]
    via: frozenset[str] = ANYWHERE


TABLE: Mapping[str, Rule] = MappingProxyType(
    {
        "browse": Rule(roles=EVERYBODY),
        "tail": Rule(roles=EVERYBODY, via=SCRIPTS_TOO),
        "see_payloads": Rule(roles=HELPERS, via=SCRIPTS_TOO),
        "reset_cursor": Rule(roles=HELPERS),
        "read_audit": Rule(roles=HELPERS),
        "publish": Rule(roles=ADMINS, via=NO_PAGE),
        "manage_people": Rule(roles=ADMINS, via=NO_PAGE),
        "make_token": Rule(roles=ADMINS, via=NO_PAGE),
        "revoke_token": Rule(roles=ADMINS, via=NO_PAGE),
    }
)


def allows(somebody: "Person | AnonymousUser | ApiToken", action: str) -> bool:
    """Whether this account may do this from a page now, or a script with this token. ``KeyError`` for an action that the table
    does not know."""
    rule = TABLE[action]
    return _token_may(somebody, rule) if isinstance(somebody, ApiToken) else _person_may(somebody, rule, PAGE)


def may(actor: Actor, action: str, scope: str) -> bool:
    """Whether the actor may do this to ``scope``: asked at the moment of the act, from the accounts as they are now.

    ``KeyError`` for an action that the table does not know. No rule limits the scope yet.
    """
    rule = TABLE[action]
    if actor.via == SHELL:
        return SHELL in rule.via
    person = Person.objects.filter(username=actor.name).first()
    return person is not None and _person_may(person, rule, actor.via)


def _token_may(token: ApiToken, rule: Rule) -> bool:
    return token.in_force(datetime.now(UTC)) and SCRIPT in rule.via and token.role in rule.roles


def _person_may(person: "Person | AnonymousUser", rule: Rule, via: str) -> bool:
    return isinstance(person, Person) and person.is_active and via in rule.via and person.role in rule.roles
