"""The one access table: which roles may do what, and from where.

Every check goes through here: a view asks ``allows``, and every act passes ``may`` (handed to the desk by
``dashboard.gateway``). Whatever is not in the table is allowed to nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.conf import settings

from dashboard.models import ApiToken, Person, Purpose, Role
from eventstore.actions import Action, Actor, Resource

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

EVERYBODY = frozenset({Role.VIEWER, Role.SUPPORT, Role.APPROVER, Role.PRIVACY, Role.AUDITOR, Role.ADMIN})
HELPERS = frozenset({Role.SUPPORT, Role.APPROVER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
REVEALERS = HELPERS | {Role.PRIVACY}
"""Who may see a masked value for a stated reason, and work on a case."""
OVERSEERS = frozenset({Role.PRIVACY, Role.AUDITOR, Role.ADMIN})
"""Who sees what others have looked at."""
PRIVACY_OFFICERS = frozenset({Role.PRIVACY, Role.ADMIN})
"""Who answers requests of data protection, and sees which fields events have."""
ANYWHERE = frozenset({PAGE, COMMAND_LINE, SHELL})
NO_PAGE = frozenset({COMMAND_LINE, SHELL})
SCRIPTS_TOO = ANYWHERE | {SCRIPT}


class ConfiguredRoles(Set[Role]):
    """The roles that the configuration names, as it is now."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def __contains__(self, role: object) -> bool:
        return bool(role) and role in set(self._names())

    def __iter__(self) -> Iterator[Role]:
        return (role for role in Role if role in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _in_an_emergency() -> Iterable[str]:
    """Who may reveal values in an emergency without the right to: everybody who may browse, if the configuration lets them,
    but for the auditor, who reveals nothing."""
    return EVERYBODY - {Role.AUDITOR} if settings.EVENTDESK.reveals.emergency else ()


IN_AN_EMERGENCY = ConfiguredRoles(_in_an_emergency)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Who may, and its limit: from where. A rule without ``PAGE`` is never open to a browser."""

    roles: Set[Role]
    via: frozenset[str] = ANYWHERE


def clear_roles() -> Iterable[str]:
    """The roles with the standing right to see values: those of the configuration, by default none."""
    named: tuple[str, ...] | None = settings.EVENTDESK.masking.clear_for
    return settings.CLEAR_FOR if named is None else named


_rules = {
    "browse": Rule(roles=EVERYBODY),
    "tail": Rule(roles=EVERYBODY, via=SCRIPTS_TOO),
    "see_payloads": Rule(roles=ConfiguredRoles(clear_roles), via=SCRIPTS_TOO),
    "read_audit": Rule(roles=HELPERS | OVERSEERS),
    "read_reveals": Rule(roles=OVERSEERS),
    "see_erasure": Rule(roles=PRIVACY_OFFICERS),
    "write_rules": Rule(roles=PRIVACY_OFFICERS),
    "read_cases": Rule(roles=REVEALERS | OVERSEERS),
    "read_metrics": Rule(roles=EVERYBODY, via=frozenset({SCRIPT})),
    "own_account": Rule(roles=frozenset(Role)),
    "manage_tokens": Rule(roles=ADMINS),
}
"""What changes nothing. An action's rule is added by its capability (``allow``)."""

TABLE: Mapping[str, Rule] = MappingProxyType(_rules)
_OPENED_BY: Mapping[str, frozenset[str]] = {
    Purpose.TAIL: frozenset({"tail", "see_payloads"}),
    Purpose.METRICS: frozenset({"read_metrics"}),
}
"""What each kind of token may do at all, whatever its role."""


def allow(action: Action, rule: Rule) -> None:
    """Put the action's rule into the table; ``ValueError`` where it has another one already."""
    if _rules.setdefault(action.name, rule) != rule:
        raise ValueError(f"There are two access rules for {action.name!r}.")


def allows(somebody: "Person | AnonymousUser | ApiToken", action: str) -> bool:
    """Whether this account may do this from a page now, or a script with this token. ``KeyError`` for an action that the table
    does not know."""
    rule = TABLE[action]
    if isinstance(somebody, ApiToken):
        return action in _OPENED_BY.get(somebody.purpose, ()) and _token_may(somebody, rule)
    return _person_may(somebody, rule, PAGE)


def may(actor: Actor, action: str, resource: Resource) -> bool:
    """Whether the actor may do this to the resource, by the accounts as they are now: an ``eventstore.actions.Authorizer``.

    ``KeyError`` for an action that the table does not know. No rule limits the resource yet.
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
