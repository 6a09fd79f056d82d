"""What of the store somebody may see and act on: topics and aggregate types, by the ``[[access.scope]]`` of the configuration.

A role says what somebody may do (``dashboard.access.policy``), a scope to what. Names alone decide, and nothing is asked of
the store: so the answer is the same whether or not there is something of that name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from django.conf import settings

from dashboard.models import ApiToken, Person
from eventstore.config import AccessScope, fits

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

ANY = "*"
WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Scope:
    """Globs of topics (what the store calls a topic; full name or last segment) and of aggregate types.

    ``within``: another scope that has to have it too.
    """

    topics: tuple[str, ...]
    aggregate_types: tuple[str, ...]
    within: "Scope | None" = None

    def has_topic(self, name: str) -> bool:
        return fits(name, self.topics) and (self.within is None or self.within.has_topic(name))

    def has_aggregate_type(self, name: str) -> bool:
        """An event without an aggregate has an empty type, and is of its topic alone."""
        mine = not name or any(fnmatchcase(name, glob) for glob in self.aggregate_types)
        return mine and (self.within is None or self.within.has_aggregate_type(name))

    def has_event(self, topic: str, aggregate_type: str) -> bool:
        """Whether an event of this topic, and of an aggregate of this type (empty without one), is in it."""
        return self.has_topic(topic) and self.has_aggregate_type(aggregate_type)

    @property
    def has_no_topic(self) -> bool:
        """Whether it names none at all: whoever has it sees nothing."""
        return not self.topics or (self.within is not None and self.within.has_no_topic)

    @property
    def limits_nothing(self) -> bool:
        return self.has_every_topic and ANY in self.aggregate_types and (self.within is None or self.within.limits_nothing)

    @property
    def has_every_topic(self) -> bool:
        return ANY in self.topics and (self.within is None or self.within.has_every_topic)

    def is_within(self, other: "Scope") -> bool:
        """Whether the other certainly has all of this one, as its patterns tell: each of these is one of the other's, or a
        plain name that the other has."""
        topics = _are_within(self, lambda one: one.topics, other, other.has_topic)
        return topics and _are_within(self, lambda one: one.aggregate_types, other, other.has_aggregate_type)


def _are_within(mine: Scope, globs: Callable[[Scope], Sequence[str]], other: Scope, has: Callable[[str], bool]) -> bool:
    limits = [other, *([other.within] if other.within else [])]
    if all(ANY in globs(limit) for limit in limits):
        return True
    own = all(all(glob in globs(limit) for limit in limits) if WILD.intersection(glob) else has(glob) for glob in globs(mine))
    return own or (mine.within is not None and _are_within(mine.within, globs, other, has))


EVERYTHING = Scope(topics=(ANY,), aggregate_types=(ANY,))
NOTHING = Scope(topics=(), aggregate_types=())


def scope_of(somebody: "Person | ApiToken | AnonymousUser") -> Scope:
    """What this account sees now: everything without scopes in the configuration, else what those have that fit it.

    Asks the database for a person's groups, if a scope names any. A token has no groups.
    """
    scopes: Sequence[AccessScope] = settings.EVENTDESK.access.scope
    if isinstance(somebody, ApiToken):
        return _of_token(somebody, _united(scopes, somebody.role, ()))
    if not isinstance(somebody, Person):
        return NOTHING
    return _united(scopes, somebody.role, _groups_of(somebody) if _names_groups() else ())


def _united(scopes: Sequence[AccessScope], role: str, groups: Sequence[str]) -> Scope:
    if not scopes:
        return EVERYTHING
    fitting = [scope for scope in scopes if scope.fits(role, groups)]
    return Scope(
        topics=tuple(dict.fromkeys(glob for scope in fitting for glob in scope.topics)),
        aggregate_types=tuple(dict.fromkeys(glob for scope in fitting for glob in scope.aggregate_types)),
    )


def _of_token(token: ApiToken, of_role: Scope) -> Scope:
    """What the token is limited to itself, and never more than its role has."""
    if not token.topics and not token.aggregate_types:
        return of_role
    return Scope(topics=tuple(token.topics) or (ANY,), aggregate_types=tuple(token.aggregate_types) or (ANY,), within=of_role)


def with_groups(people: "QuerySet[Person]") -> "QuerySet[Person]":
    """These people, so that the scopes of all of them take one query more, if any."""
    return people.prefetch_related("groups") if _names_groups() else people


def _names_groups() -> bool:
    return any(scope.groups for scope in settings.EVENTDESK.access.scope)


def _groups_of(person: Person) -> Sequence[str]:
    return [group.name for group in person.groups.all()]
