"""A configuration with limits of what people may do at a time, or with scopes, beside what a test's desk has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from django.conf import settings
from django.test.utils import override_settings

from eventstore.config.people import Access, AccessLimit, AccessScope


@contextmanager
def access(**parts: Any) -> Iterator[None]:
    """The same configuration with this ``[access]``. The desk that is open keeps what it was opened with."""
    with override_settings(EVENTDESK=msgspec.structs.replace(settings.EVENTDESK, access=Access(**parts))):
        yield


def limit(role: str, **what: int) -> dict[str, Any]:
    return {"limit": (AccessLimit(roles=(role,), **what),)}


def scope(role: str, *topics: str, types: tuple[str, ...] = ("*",)) -> AccessScope:
    return AccessScope(roles=(role,), topics=topics, aggregate_types=types)
