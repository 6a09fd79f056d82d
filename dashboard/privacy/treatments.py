"""What is shown in place of a value: a mark that it is hidden, or a part of it that the rules let everybody see."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from eventstore.config import Show
from eventstore.search import mark_of

SHORTEST_FOR_LAST4 = 8
"""Characters. The last four of a shorter text would be half of it or more."""
LONGEST_PART = 4_000
"""Characters of a text that is hashed as it is. Longer ones are hidden."""

_DATE = re.compile(
    r"(?:(?P<iso>[0-9]{4})(?:-[0-9]{2}(?:-[0-9]{2}(?:[T ][0-9:.,]{2,20}(?:Z|[+-][0-9:]{2,6})?)?)?)?"
    r"|[0-9]{1,2}[./][0-9]{1,2}[./](?P<day_first>[0-9]{4})"
    r"|(?P<digits>[0-9]{4})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
)


@dataclass(frozen=True, slots=True)
class Masked:
    """Stands in for a value, and tells neither its length nor its kind."""

    def __str__(self) -> str:
        return "hidden"

    def __html__(self) -> SafeString:
        return mark_safe('<span class="masked" role="img" aria-label="hidden"></span>')


MASKED = Masked()


class Partial(str):
    """What stands in for a value: its mark (``#k3v4q2pxab``), its last four characters (``…4711``) or a year (``1953``)."""

    __slots__ = ()

    @property
    def of(self) -> Show:
        """Which treatment made it."""
        return Show.HASH if self.startswith("#") else Show.LAST4 if self.startswith("…") else Show.YEAR


DisplayValue = str | Masked
"""A value as somebody may see it: its text, what stands in for it (``#k3v4q2pxab``, ``…4711``, ``1953``), or the mark."""


def treated(value: Any, show: Show) -> Any:
    """A simple JSON value as this treatment shows it: itself, what stands in for it, or ``MASKED``."""
    return treatment_of(show)(value)


def treatment_of(show: Show) -> Callable[[Any], Any]:
    """What this treatment makes of a simple JSON value."""
    return _TREATMENTS[show]


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


def _same(value: Any) -> Any:
    return value


def _hidden(value: Any) -> DisplayValue:
    return MASKED


def _hash(value: Any) -> DisplayValue:
    text = text_of(value)
    return Partial(mark_of(text)) if text and len(text) <= LONGEST_PART else MASKED


def _last4(value: Any) -> DisplayValue:
    text = text_of(value).strip() if not isinstance(value, bool) else ""
    return Partial(f"…{text[-4:]}") if len(text) >= SHORTEST_FOR_LAST4 else MASKED


def _year(value: Any) -> DisplayValue:
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 60 else None
    return Partial(next(filter(None, found.groups()))) if found else MASKED


_TREATMENTS: dict[Show, Callable[[Any], Any]] = {
    Show.PLAIN: _same,
    Show.HIDDEN: _hidden,
    Show.HASH: _hash,
    Show.LAST4: _last4,
    Show.YEAR: _year,
}


def with_places(shown: Any, place: str) -> Any:
    """What ``display_document`` shows, for JSON: ``place`` where a value is hidden, and before what stands in for one."""
    if isinstance(shown, dict):
        return {name: with_places(one, place) for name, one in shown.items()}
    if isinstance(shown, list):
        return [with_places(one, place) for one in shown]
    return f"{place}{shown}" if isinstance(shown, Partial) else place if isinstance(shown, Masked) else shown
