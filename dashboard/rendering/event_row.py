"""An event's line as HTML: the row of every list and of every frame of a tail, and the story within it.

Written here and not as a template because it is made some five hundred times a second for each filter and masking profile of a
busy tail: as a template it cost 610 µs, as text 31. ``components/_event_row.html`` and ``components/_story.html`` are this.
Every value goes through ``escape``; what people read goes through ``visible`` as well, so that no name turns the line around.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.safestring import SafeString

from dashboard.privacy.masking import Masked, Shown
from dashboard.rendering import text as words

if TYPE_CHECKING:
    from dashboard.rendering.event_line_builder import EventLine

IN_ONE_LINE = 24
"""Characters of an id that are never broken: they fit the narrowest page."""
LONGEST_TYPE_SHOWN = 120
LONGEST_KEPT = 200
"""Characters of a name whose HTML is kept for the next row with the same."""
NOBODY = f'<span class="faint">{words.NOTHING}</span>'
MARK = '<span aria-hidden="true">◆</span>'


def event_rows(lines: "Iterable[EventLine]") -> SafeString:
    """The lines as ``<tr>``, one after the other."""
    now = timezone.now()
    return SafeString("".join([_row(line, now) for line in lines]))


def event_row(line: "EventLine") -> SafeString:
    return SafeString(_row(line, timezone.now()))


def story_line(line: "EventLine", url: str) -> SafeString:
    """What happened, with its dot and its badges; ``url`` is where its words lead."""
    return SafeString(_story(line, url))


def time_tag(at: datetime, style: str, now: datetime) -> str:
    """A ``<time>``: UTC here, rewritten into the reader's zone by times.js, with the exact instant as its title."""
    at = at.astimezone(UTC)
    exact, shown = words.exact(at), words.moment(at, style, now)
    return f'<time datetime="{at.isoformat()}" title="{exact}" data-style="{style}">{shown}</time>'


def id_tag(text: str, length: int = IN_ONE_LINE) -> str:
    """An id: monospaced, shortened in the middle, whole in its title, and isolated from the text around it."""
    whole = words.visible(text)
    short = words.shorten(whole, length)
    fits = " nowrap" if len(short) <= IN_ONE_LINE else ""
    title = escape(whole)
    return f'<bdi class="id{fits}" title="{title}">{title if short is whole else escape(short)}</bdi>'


def shown_tag(shown: Shown, length: int = 0) -> str:
    """What ``masking.show`` answered: the masked mark, or the text (shortened to ``length`` if given), isolated."""
    if isinstance(shown, Masked):
        return shown.__html__()
    text = words.visible(shown)
    return f"<bdi>{escape(words.shorten(text, length) if length else text)}</bdi>"


def copy_tag(text: str, what: str) -> str:
    """The button that copies exactly this text."""
    return f'<button type="button" class="copy" data-copy="{escape(text)}" aria-label="Copy {escape(what)}" hidden></button>'


def _row(line: "EventLine", now: datetime) -> str:
    version = "" if line.version is None else line.version
    published = (
        f'<span class="published">published {time_tag(line.published, "clock", now)}</span>' if line.published_apart else ""
    )
    return (
        f'<tr data-event-id="{escape(line.event_id)}" data-aggregate-id="{escape(line.aggregate_id)}"'
        f' data-aggregate-type="{escape(line.aggregate_type)}" data-position="{escape(line.at)}" data-version="{version}">\n'
        f'<td class="nowrap soft">{time_tag(line.time, "clock", now)}{published}</td>\n'
        f"<td>{_whose(line)}</td>\n"
        f'<td class="what">{_story(line, line.url)}</td>\n'
        f'<td class="mono soft nowrap"><bdi>{_short_topic(line.topic)}-{line.partition}</bdi>'
        f' <bdi class="nowrap">{escape(words.visible(line.label))}</bdi> {copy_tag(line.at, "position")}</td>\n</tr>\n'
    )


def _whose(line: "EventLine") -> str:
    """The aggregate; the key of what belongs to none."""
    if line.aggregate_id:
        type = escape(words.shorten(words.visible(line.aggregate_type), 32))
        return (
            f'<a class="aggregate" href="{escape(line.aggregate_url)}"><span class="soft"><bdi>{type}</bdi></span>'
            f" {id_tag(line.aggregate_id)}</a>"
        )
    return f'<span class="soft">key</span> {shown_tag(line.key, 48)}' if line.key else NOBODY


def _story(line: "EventLine", url: str) -> str:
    told = "".join([shown_tag(piece) for piece in line.pieces])
    return (
        f'<div class="story-line"><span class="dot dot-{line.tone}" aria-hidden="true"></span>'
        f'<div><a data-line href="{escape(url)}">{told}</a>{"".join(_badges(line))}{_type(line)}</div></div>'
    )


def _badges(line: "EventLine") -> Iterable[str]:
    if line.problem:
        yield f' <span class="badge badge-warn" title="{escape(words.visible(line.problem))}">{MARK} unreadable</span>'
    if line.payload_unreadable:
        yield ' <span class="badge badge-warn">payload not readable</span>'
    if line.missing_words:
        yield f' <span class="badge">{escape(line.missing_words)}</span>'
    if line.encrypted:
        yield ' <span class="badge">encrypted</span>'
    if line.misread:
        yield f' <span class="badge badge-warn">{MARK} payload does not fit its schema</span>'
    for noticed in line.noticed:
        yield (
            f' <span class="badge badge-warn" title="{escape(noticed.means)}" data-noticed="{escape(noticed.kind.value)}">'
            f"{MARK} {escape(noticed.badge)}</span>"
        )
    if line.derived:
        yield ' <span class="badge">copy</span>'


def _type(line: "EventLine") -> str:
    if line.type:
        return _kept_type(line.type) if len(line.type) <= LONGEST_KEPT else _type_tag(line.type)
    return f'<span class="raw-type">{escape(words.visible(line.problem))}</span>' if line.problem else ""


def _type_tag(type: str) -> str:
    return f'<bdi class="raw-type">{escape(words.shorten(words.visible(type), LONGEST_TYPE_SHOWN))}</bdi>'


_kept_type = lru_cache(maxsize=1024)(_type_tag)


@lru_cache(maxsize=256)
def _short_topic(name: str) -> str:
    return escape(words.shorten(words.short_topic(name), 24))
