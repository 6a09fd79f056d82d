"""The filters and tags of every template, registered as builtins. Their input may be hostile, so all of it is escaped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.privacy import DisplayValue, Masked
from dashboard.rendering import (
    aggregate_url,
    render_movable_row,
    render_revealed,
    render_row,
    render_story,
    render_waiting_row,
    text,
)
from dashboard.rendering.tags import LONGEST_UNBROKEN, TIME_UNKNOWN, copy_tag, has_burst, id_tag, time_tag, value_tag
from dashboard.rendering.url_segments import segment as to_segment
from dashboard.web.completeness import notices_of
from dashboard.web.pages import reloads_itself
from dashboard.web.place_counts import count_of
from dashboard.web.template_context import Place
from eventstore.config import shell_command
from eventstore.model import NO_TIME

register = template.Library()

register.filter("shorten", text.shorten)
register.filter("humanize_type", text.humanize_type)
register.filter("size", text.format_size)
register.filter("number", text.format_number)
register.filter("short_topic", text.short_topic)
register.filter("segment", to_segment)
register.filter("event_row", render_row)
register.filter("waiting_row", render_waiting_row)
register.filter("movable_row", render_movable_row)
register.simple_tag(render_story, name="story_line")
register.simple_tag(render_revealed, name="revealed_mark")
register.simple_tag(aggregate_url)


@register.simple_tag(name="shell_command")
def command_to_paste(name: str, *arguments: str) -> str:
    """A command as it is pasted into a shell."""
    return text.visible(shell_command(name, *arguments))


@register.filter
def visible(shown: DisplayValue) -> DisplayValue:
    """The text with what is invisible in it spelled out. A masked value stays the mark that it is: no page must fail on it."""
    return shown if isinstance(shown, Masked) else text.visible(shown)


@register.filter
def when(value: datetime | None, style: str = "") -> SafeString | str:
    """A ``<time>`` in UTC, with the exact time as its title. times.js converts it to the reader's time zone.

    ``style``: empty for date and time, ``clock`` to omit the date if it is today's, ``exact`` to include milliseconds.
    """
    return text.NO_VALUE if value is None else SafeString(time_tag(value, style or "day", timezone.now()))


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """How long ago that was when the page was made, with the exact time as its title."""
    if value is None:
        return text.NO_VALUE
    if value == NO_TIME:
        return SafeString(TIME_UNKNOWN)
    at = value.astimezone(UTC)
    age = text.format_age((timezone.now() - at).total_seconds())
    tag = '<time datetime="{}" title="{}" data-style="ago">{}</time>'
    return format_html(tag, at.isoformat(), text.format_exact(at), age)


@register.filter
def bursts(lines: Sequence[Any] | None, field: str = "time") -> bool:
    """Whether the list shows milliseconds, because two neighbouring lines of events would show the same second."""
    return has_burst([getattr(getattr(line, "event", line), field) for line in lines or ()], timezone.now())


@register.filter
def value(masked_or_text: DisplayValue, length: int = 0) -> SafeString:
    """The mark of a masked value, or the isolated text, shortened to ``length`` characters unless that is 0."""
    return SafeString(value_tag(masked_or_text, length))


@register.inclusion_tag("components/_notices.html", takes_context=True)
def notices(context: Context, again: bool = False) -> dict[str, Any]:
    """What this page's answers may lack now. A page that says itself what the index lacks has ``says_index`` in its context.

    ``again``: for a fragment, in which they replace those of the page. Then nothing is announced.
    """
    return {**notices_of(cast(dict[str, Any], context.flatten())), "again": again}


@register.simple_tag(takes_context=True)
def reload_soon(context: Context) -> SafeString:
    """For a page's head: the browser loads the page again after some seconds, and again, until it has what it lacks now."""
    reloads_itself(context["request"])
    return format_html('<meta http-equiv="refresh" content="{}">', 5)


@register.inclusion_tag("components/_place_count.html", takes_context=True)
def place_count(context: Context, place: Place, again: bool = False) -> dict[str, Any]:
    """The number beside a place on the left, if it is known. ``again``: for a fragment, in which it replaces the page's."""
    return {"place": place, "count": count_of(place.name, context["standing"]), "again": again}


@register.simple_tag
def ident(id: object, length: int = LONGEST_UNBROKEN) -> SafeString:
    """A monospaced id, shortened in the middle, with the whole id as its title, isolated from the text around it."""
    return SafeString(id_tag(str(id), length))


@register.simple_tag
def copy(content: object, what: str) -> SafeString:
    """The button that copies exactly this text. ``what`` names it for screen readers."""
    return SafeString(copy_tag(str(content), what))
