"""The one way by which a value from an event reaches a page, a frame, an export or a log.

Callers that may see payloads (``dashboard.access.policy``: ``see_payloads``) see every value. Everybody else sees ids, types
and times; every other value is a masked mark. Names of properties and extension attributes are the publisher's own words, and
may say as much as a value: they are values too.
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
        # the same as CloudEvents attributes, which is how story lines and the envelope name them
        "specversion",
        "aggregatetype",
        "aggregateid",
        "correlationid",
        "causationid",
    }
)
"""What nobody is kept from: ids, types and times."""

ATTRIBUTES = "attributes."


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessProfile:
    """Who looks, as far as masking must know. ``profile`` is the same for all who see the same."""

    name: str
    sees_values: bool

    @property
    def profile(self) -> str:
        return "values" if self.sees_values else "masked"


@dataclass(frozen=True, slots=True)
class Masked:
    """Stands where a value was. Holds nothing of it: neither its length nor its kind."""

    def __str__(self) -> str:
        return "hidden"

    def __html__(self) -> SafeString:
        return mark_safe('<span class="masked" role="img" aria-label="hidden"></span>')


MASKED = Masked()
Shown = str | Masked


def viewer_of(somebody: "Person | AnonymousUser | ApiToken") -> AccessProfile:
    return AccessProfile(name=somebody.get_username(), sees_values=allows(somebody, "see_payloads"))


def show(value: object, path: str, viewer: AccessProfile) -> Shown:
    """The value as text, or the masked mark.

    ``path`` says what it is: ``id``, ``aggregate_id``, ``key``, ``subject``, ``attributes.<name>``, ``properties.<name>``,
    ``data`` (the payload as a whole), ``data.<path>`` (a value in it). A path that is not known to be open is closed.
    """
    return text_of(value) if sees(path, viewer) else MASKED


def sees(path: str, viewer: AccessProfile) -> bool:
    """Whether the viewer sees a value of this path; for what is not one text, such as a payload or a list of names."""
    return viewer.sees_values or path.removeprefix(ATTRIBUTES) in OPEN_PATHS


def text_of(value: object) -> str:
    """A JSON value as people write it: texts bare, all else as JSON; nothing for ``None``."""
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
