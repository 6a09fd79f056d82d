"""The one access table: which roles may do what, and from where.

Every check goes through here: a view asks ``allows``, and every act passes ``may`` (handed to the gateway by
``dashboard.wiring``). Whatever is not in the table is allowed to nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboard.models import Person, Role
from eventstore import Actor

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

PAGE = "page"
"""A person at a browser."""
COMMAND_LINE = "command line"
"""A person named on the command line (``--as``): their own role decides."""
SHELL = "shell"
"""The operating system's user. Who has a shell on the server can read its databases: the table binds no such person."""

EVERYBODY = frozenset({Role.VIEWER, Role.SUPPORT, Role.APPROVER, Role.ADMIN})
HELPERS = frozenset({Role.SUPPORT, Role.APPROVER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
ANYWHERE = frozenset({PAGE, COMMAND_LINE, SHELL})
NO_PAGE = frozenset({COMMAND_LINE, SHELL})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Who may, and its limit: from where. A rule without ``PAGE`` is never open to a browser."""

    roles: frozenset[Role]
    via: frozenset[str] = ANYWHERE


TABLE: Mapping[str, Rule] = MappingProxyType(
    {
        "browse": Rule(roles=EVERYBODY),
        "tail": Rule(roles=EVERYBODY),
        "see_payloads": Rule(roles=HELPERS),
        "reset_cursor": Rule(roles=HELPERS),
        "read_audit": Rule(roles=HELPERS),
        "publish": Rule(roles=ADMINS, via=NO_PAGE),
        "manage_people": Rule(roles=ADMINS, via=NO_PAGE),
    }
)


def allows(person: "Person | AnonymousUser", action: str) -> bool:
    """Whether this account may do this from a page now. ``KeyError`` for an action that the table does not know."""
    return _person_may(person, TABLE[action], PAGE)


def may(actor: Actor, action: str, scope: str) -> bool:
    """Whether the actor may do this to ``scope``: asked at the moment of the act, from the accounts as they are now.

    ``KeyError`` for an action that the table does not know. No rule limits the scope yet.
    """
    rule = TABLE[action]
    if actor.via == SHELL:
        return SHELL in rule.via
    person = Person.objects.filter(username=actor.name).first()
    return person is not None and _person_may(person, rule, actor.via)


def _person_may(person: "Person | AnonymousUser", rule: Rule, via: str) -> bool:
    return isinstance(person, Person) and person.is_active and via in rule.via and person.role in rule.roles
