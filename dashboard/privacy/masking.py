"""Masking. No value of an event reaches a page, a frame, an export, or a log by any other way.

People who may see payloads (``see_payloads`` in ``dashboard.access.policy``) see every value. Everybody else sees ids, types,
and times, and a mark in place of each other value. The names of properties and extension attributes are masked as well: the
publisher chose them, and they can tell as much as a value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.safestring import SafeString, mark_safe

from dashboard.access.policy import allows

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from dashboard.models import ApiToken, Person

OPEN_PATHS = frozenset(
    {
        "id",
        "type",
        "time",
        "published",
        "aggregate_type",
        "aggregate_id",
        "correlation_id",
        "causation_id",
        # the same as CloudEvents attributes, as stories and the envelope name them
        "specversion",
        "aggregatetype",
        "aggregateid",
        "correlationid",
        "causationid",
    }
)
"""What everybody may see: ids, types, and times."""

ATTRIBUTES = "attributes."


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessProfile:
    """What masking has to know about a person or a token."""

    name: str
    sees_values: bool

    @property
    def level(self) -> str:
        """The same for all who see the same, so that rendered text can be shared between them."""
        return "values" if self.sees_values else "masked"


@dataclass(frozen=True, slots=True)
class Masked:
    """Stands in for a value, and tells neither its length nor its kind."""

    def __str__(self) -> str:
        return "hidden"

    def __html__(self) -> SafeString:
        return mark_safe('<span class="masked" role="img" aria-label="hidden"></span>')


MASKED = Masked()
DisplayValue = str | Masked
"""A value as somebody may see it: its text, or the mark."""


def profile_of(account: "Person | AnonymousUser | ApiToken") -> AccessProfile:
    return AccessProfile(name=account.get_username(), sees_values=allows(account, "see_payloads"))


def display_value(value: object, path: str, profile: AccessProfile) -> DisplayValue:
    """The value as text, or ``MASKED``.

    ``path`` names the value: ``id``, ``aggregate_id``, ``key``, ``subject``, ``attributes.<name>``, ``properties.<name>``,
    ``data`` (the whole payload), ``data.<path>`` (a value in it). Unknown paths are masked.
    """
    return text_of(value) if can_see(path, profile) else MASKED


def can_see(path: str, profile: AccessProfile) -> bool:
    """Whether the profile sees values of this path. For what is not a single text, such as payloads and lists of names."""
    return profile.sees_values or path.removeprefix(ATTRIBUTES) in OPEN_PATHS


def text_of(value: object) -> str:
    """A JSON value as people write it: strings without quotes, ``None`` as an empty string, everything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(_plain(value), ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "…"


def _plain(value: object) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
