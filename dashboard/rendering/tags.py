"""Small pieces of HTML that pages and tail frames share: times, ids, values, and copy buttons.

They are written as text, because a busy tail makes thousands of them a second. Every value is escaped. Text for people goes
through ``visible`` first, so that no value can change the writing direction of the line.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from dashboard.privacy import DisplayValue, Masked, Partial
from dashboard.rendering.text import format_exact, format_fine, format_time, in_one_second, shorten, visible
from eventstore.config import Show
from eventstore.model import NO_TIME

TIME_UNKNOWN = '<span class="soft">time unknown</span>'
LONGEST_UNBROKEN = 24
"""Characters of an id that stay on one line. That many fit the narrowest page."""

PARTS = {
    Show.HASH: ("mark", "Masked: this mark stands for the value"),
    Show.LAST4: ("last 4", "Masked: only the last four characters"),
    Show.YEAR: ("year", "Masked: only the year"),
}
"""The label beside what stands in for a value, and its title."""


def time_tag(at: datetime, style: str, now: datetime) -> str:
    """A ``<time>`` in UTC, with the exact time as its title. times.js converts it to the reader's time zone.

    ``data-fine`` is shown behind it in a list with ``data-burst``: see ``has_burst``. For ``NO_TIME``, words.
    """
    if at == NO_TIME:
        return TIME_UNKNOWN
    at = at.astimezone(UTC)
    exact, text = format_exact(at), format_time(at, style, now)
    fine = "" if style == "exact" else f' data-fine="{format_fine(at, style, now)}"'
    return f'<time datetime="{at.isoformat()}" title="{exact}" data-style="{style}"{fine}>{text}</time>'


def has_burst(times: Sequence[datetime], now: datetime) -> bool:
    """Whether two neighbours among the times of a list would read the same, though they differ. The list then shows
    milliseconds. Equal times need none."""
    known = [at for at in times if at != NO_TIME]
    return any(in_one_second(at, after, now) for at, after in pairwise(known))


def id_tag(id: str, length: int = LONGEST_UNBROKEN) -> str:
    """A monospaced id, shortened in the middle, with the whole id as its title, isolated from the text around it."""
    whole = visible(id)
    short = shorten(whole, length)
    unbroken = " nowrap" if len(short) <= LONGEST_UNBROKEN else ""
    title = escape(whole)
    return f'<bdi class="id{unbroken}" title="{title}">{title if short is whole else escape(short)}</bdi>'


def value_tag(value: DisplayValue, length: int = 0) -> str:
    """The mark of a masked value, or the isolated text, shortened to ``length`` characters unless that is 0."""
    if isinstance(value, Masked):
        return value.__html__()
    if isinstance(value, Partial):
        return part_tag(value)
    text = visible(value)
    return f"<bdi>{escape(shorten(text, length) if length else text)}</bdi>"


def part_tag(value: Partial) -> str:
    """What stands in for a value, with a label that says so: it must not be taken for the value."""
    label, title = PARTS[value.of]
    return f'<bdi class="masked-part" data-part="{label}" title="{title}">{escape(visible(value))}</bdi>'


def copy_tag(text: str, what: str) -> str:
    """The button that copies exactly this text. ``what`` names it for screen readers."""
    return f'<button type="button" class="copy" data-copy="{escape(text)}" aria-label="Copy {escape(what)}"></button>'
