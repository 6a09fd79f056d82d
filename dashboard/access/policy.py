"""The one access table: which roles may do what, from where, how much of it, and what is left while nothing may be changed.

Every check goes through here: a view asks ``allows``, and every act passes ``why_not`` (handed to the desk by
``dashboard.gateway``), which also looks at the person's scope. Whatever is not in the table is allowed to nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.conf import settings

from dashboard.access.copies import sees_topic
from dashboard.access.scopes import Scope, scope_of
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

READ_ONLY = "This installation is read-only: nothing can be changed here now."

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
    """Who may, and its limits. A rule without ``PAGE`` is never open to a browser.

    ``while_read_only``: whether it may be done while the installation is read-only. It changes nothing but the record and what
    people see for a reason, or it takes access away. ``rows``: of one file that it makes, at most; some roles have less.
    ``everywhere``: it acts on all topics at once, so that only a scope with every topic has it.
    ``whatever_scope``: it takes away what the actor has themselves, also of what is not in their scope any more.
    """

    roles: Set[Role]
    via: frozenset[str] = ANYWHERE
    while_read_only: bool = False
    rows: int | None = None
    everywhere: bool = False
    whatever_scope: bool = False


def clear_roles() -> Iterable[str]:
    """The roles with the standing right to see values: those of the configuration, by default none."""
    named: tuple[str, ...] | None = settings.EVENTDESK.masking.clear_for
    return settings.CLEAR_FOR if named is None else named


def _reading(roles: Set[Role], via: frozenset[str] = ANYWHERE) -> Rule:
    return Rule(roles=roles, via=via, while_read_only=True)


_rules = {
    "browse": _reading(EVERYBODY),
    "tail": _reading(EVERYBODY, via=SCRIPTS_TOO),
    "see_payloads": _reading(ConfiguredRoles(clear_roles), via=SCRIPTS_TOO),
    "read_audit": _reading(HELPERS | OVERSEERS),
    "read_reveals": _reading(OVERSEERS),
    "see_erasure": _reading(PRIVACY_OFFICERS),
    "write_rules": _reading(PRIVACY_OFFICERS),
    "read_cases": _reading(REVEALERS | OVERSEERS),
    "read_metrics": _reading(EVERYBODY, via=frozenset({SCRIPT})),
    "own_account": _reading(frozenset(Role)),
    "manage_tokens": _reading(ADMINS),
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


def is_read_only() -> bool:
    """Whether nothing may be changed here: the environment or the configuration says so."""
    return bool(settings.EVENTDESK_READ_ONLY or settings.EVENTDESK.access.read_only)


def is_shut(action: str) -> bool:
    """Whether nobody may do this now, whatever their role, because the installation is read-only."""
    return is_read_only() and not TABLE[action].while_read_only


def allows(somebody: "Person | AnonymousUser | ApiToken", action: str) -> bool:
    """Whether this account may do this from a page now, or a script with this token, to what lies in its scope. ``KeyError``
    for an action that the table does not know."""
    if is_shut(action):
        return False
    rule = TABLE[action]
    if isinstance(somebody, ApiToken):
        return action in _OPENED_BY.get(somebody.purpose, ()) and _token_may(somebody, rule)
    return _person_may(somebody, rule, PAGE)


def may(actor: Actor, action: str, resource: Resource) -> bool:
    """Whether the actor may do this to the resource, by the accounts as they are now: an ``eventstore.actions.Authorizer``.

    ``KeyError`` for an action that the table does not know.
    """
    return not why_not(actor, action, resource)


def why_not(actor: Actor, action: str, resource: Resource) -> str:
    """Why the actor may not do this to the resource, as a sentence; empty if they may. Raises as ``may``."""
    rule = TABLE[action]
    if is_shut(action):
        return READ_ONLY
    person = Person.objects.filter(username=actor.name).first() if actor.via != SHELL else None
    by_role = SHELL in rule.via if actor.via == SHELL else person is not None and _person_may(person, rule, actor.via)
    if not by_role:
        return f"{actor.name} may not do this ({action}). An admin can give you a role that may."
    if person is None or rule.whatever_scope:
        return ""
    if rule.everywhere and not scope_of(person).has_every_topic:
        return f"This acts on all topics, which the scope of {actor.name} has not ({action}). An admin can widen the scope."
    if not has_resource(scope_of(person), resource):
        return f"This is not in the scope of {actor.name} ({action}), or it does not exist. An admin can widen the scope."
    return ""


def most_rows(somebody: "Person | AnonymousUser | ApiToken", action: str) -> int:
    """The most rows of one file that this account may make by this action. ``KeyError`` for an action that makes none."""
    rows = TABLE[action].rows
    if rows is None:
        raise KeyError(action)
    limit = settings.EVENTDESK.access.limit_of(getattr(somebody, "role", ""))
    return rows if limit is None or limit.export_rows is None else min(rows, limit.export_rows)


def most_unapproved(actor: Actor, action: str) -> int | None:
    """Events of one job that this actor may ask for without a second person; ``None``: as many as the job's kind lets them."""
    access = settings.EVENTDESK.access
    person = Person.objects.filter(username=actor.name).first() if access.limit and actor.via != SHELL else None
    limit = access.limit_of(person.role) if person is not None else None
    return limit.events_without_approval if limit is not None else None


def has_resource(scope: Scope, resource: Resource) -> bool:
    """Whether the resource lies in the scope, as far as it has a topic or an aggregate."""
    return (not resource.topic or sees_topic(scope, resource.topic)) and (
        not resource.aggregate_type or scope.has_aggregate_type(resource.aggregate_type)
    )


def _token_may(token: ApiToken, rule: Rule) -> bool:
    return token.in_force(datetime.now(UTC)) and SCRIPT in rule.via and token.role in rule.roles


def _person_may(person: "Person | AnonymousUser", rule: Rule, via: str) -> bool:
    return isinstance(person, Person) and person.is_active and via in rule.via and person.role in rule.roles
