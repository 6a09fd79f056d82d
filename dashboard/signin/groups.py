"""Which role and which groups the provider's claims give."""

from collections.abc import Mapping, Set
from typing import Any

from django.conf import settings

from dashboard.models import Role

RANK = (Role.ADMIN, Role.APPROVER, Role.PRIVACY, Role.SUPPORT, Role.AUDITOR, Role.VIEWER)
"""Of several roles that somebody's groups give, the first of these is theirs."""
LONGEST = 150
"""Characters of a group's name, as Django keeps it."""


def groups_in(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The groups that a claim names: a list of texts, or one text. ``claim`` is its name, or a path such as
    ``realm_access.roles``. What is neither gives no group."""
    found: object = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    named = found if isinstance(found, list) else [found]
    return frozenset(name for name in named if isinstance(name, str) and 0 < len(name) <= LONGEST)


def role_of(groups: Set[str]) -> Role:
    """The role that the configuration's ``[access.groups]`` gives to somebody in these groups; that of an outsider if none."""
    given = {role for group, role in settings.EVENTDESK.access.groups.items() if group in groups}
    return next((role for role in RANK if role.value in given), Role.OUTSIDER)


def known(groups: Set[str]) -> frozenset[str]:
    """Those that the configuration names. No others are kept: where else somebody belongs does not matter here."""
    access = settings.EVENTDESK.access
    named = {*access.groups, *(name for scope in access.scope for name in scope.groups)}
    return frozenset(groups & named)
