"""The filters and tags of every template (registered as builtins). Whatever they are given may be hostile: all is escaped."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.privacy import masking
from dashboard.rendering import event_row
from dashboard.rendering import text as words
from dashboard.rendering.url_segments import segment as to_segment

register = template.Library()

register.filter("shorten", words.shorten)
register.filter("visible", words.visible)
register.filter("words", words.of_type)
register.filter("size", words.size)
register.filter("number", words.number)
register.filter("short_topic", words.short_topic)
register.filter("segment", to_segment)
register.filter("event_row", event_row.event_row)
register.simple_tag(event_row.story_line)


@register.filter
def when(value: datetime | None, style: str = "") -> SafeString | str:
    """A ``<time>``: UTC here, rewritten into the reader's zone by times.js, with the exact instant as its title.

    ``style``: empty for day and time, ``clock`` for the time alone where it is today's, ``exact`` with fractions of a second.
    """
    return words.NOTHING if value is None else SafeString(event_row.time_tag(value, style or "day", timezone.now()))


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """How long ago, as of this page; the exact instant is its title."""
    if value is None:
        return words.NOTHING
    at = value.astimezone(UTC)
    text = words.ago((timezone.now() - at).total_seconds())
    return format_html('<time datetime="{}" title="{}" data-style="ago">{}</time>', at.isoformat(), words.exact(at), text)


@register.filter
def seen(shown: masking.Shown, length: int = 0) -> SafeString:
    """What ``masking.show`` answered: the masked mark, or the text (shortened to ``length`` if given), isolated."""
    return SafeString(event_row.shown_tag(shown, length))


@register.simple_tag
def ident(text: object, length: int = event_row.IN_ONE_LINE) -> SafeString:
    """An id: monospaced, shortened in the middle, whole in its title, and isolated from the text around it."""
    return SafeString(event_row.id_tag(str(text), length))


@register.simple_tag
def copy(text: object, what: str) -> SafeString:
    """The button that copies exactly this text."""
    return SafeString(event_row.copy_tag(str(text), what))


@register.simple_tag
def show(value: object, path: str, viewer: masking.AccessProfile) -> SafeString:
    """A value of an event as this viewer may see it."""
    return seen(masking.show(value, path, viewer))
