"""An event's line as HTML: the row of every list and of every tail frame, and the story in it.

Written as text and not as a template. A busy tail makes some five hundred rows a second for each filter and access profile,
and a row cost 610 µs as a template and 31 µs as text; an aggregate's page spent a third of its time on fifty of them.
``components/_event_row.html`` and ``components/_story.html`` use this module. Every value is escaped. Text for people goes
through ``visible`` first, so that no name can change the writing direction of the line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from urllib.parse import quote

from django.utils import timezone
from django.utils.safestring import SafeString

from dashboard.rendering.event_line import EventLine
from dashboard.rendering.links import skip_before_url, skip_event_url
from dashboard.rendering.tags import copy_tag, id_tag, time_tag, value_tag
from dashboard.rendering.text import NO_VALUE, short_topic, shorten, visible
from eventstore.model import reported

LONGEST_TYPE = 120
LONGEST_CACHED = 200
"""Characters of a type whose HTML is cached for the next row of the same type."""
NO_AGGREGATE = f'<span class="faint">{NO_VALUE}</span>'
NEW_SHAPE = (
    ' <span class="badge" title="A value that the line of this type names has another shape than the line can show.">'
    "new shape</span>"
)
REVEALED = (
    ' <span class="badge badge-warn" data-revealed title="A reveal of yours, which is on the record, covers values of this '
    'event."><span aria-hidden="true">◉</span> revealed</span>'
)
WARNING = '<span aria-hidden="true">◆</span>'


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRows:
    """What the rows of an aggregate's page have in common.

    - ``query`` is what their links keep of the page's address, with a ``&`` at its end.
    - ``selected`` is the address of the event in the panel beside the list.
    - ``several``: the aggregate has several streams. ``movable``: the person may reset cursors.
    """

    query: str = ""
    selected: str = ""
    several: bool = False
    movable: bool = False


def render_rows(lines: Iterable[EventLine]) -> SafeString:
    """The lines as ``<tr>`` elements, in order."""
    now = timezone.now()
    return SafeString("".join([_row(line, now) for line in lines]))


def render_row(line: EventLine) -> SafeString:
    """The line as one ``<tr>``."""
    return SafeString(_row(line, timezone.now()))


def render_waiting_row(line: EventLine, subscription: str) -> SafeString:
    """The line of an event that waits in this subscription of its topic, with a cell of what can be done about it."""
    names = (line.topic, subscription, line.position)
    acts = (
        f'<td class="row-acts"><a href="{escape(skip_event_url(*names))}">Skip this event…</a> '
        f'<a href="{escape(skip_before_url(*names))}">Continue from here…</a></td>\n'
    )
    return SafeString(_row(line, timezone.now()).removesuffix("</tr>\n") + acts + "</tr>\n")


def render_movable_row(line: EventLine) -> SafeString:
    """The line with a link to where its subscriptions can be moved to it."""
    acts = f'<a class="row-act" href="{escape(line.url)}#delivery">Continue from here…</a>'
    head, last, rest = _row(line, timezone.now()).rpartition("</td>")
    return SafeString(f"{head} {acts}{last}{rest}")


def render_stream_rows(rows: Iterable[tuple[EventLine, str]], of: StreamRows) -> SafeString:
    """The events of an aggregate as ``<tr>`` elements, each with the cells that follow its own. The words choose the event for
    the panel beside the list."""
    now = timezone.now()
    return SafeString("".join([_stream_row(line, cells, of, now) for line, cells in rows]))


def render_story(line: EventLine, url: str) -> SafeString:
    """The story with its dot and badges. Its words link to ``url``."""
    return SafeString(_story(line, url))


def render_revealed() -> SafeString:
    """The mark of what is shown by a reveal."""
    return SafeString(REVEALED)


def _row(line: EventLine, now: datetime) -> str:
    """The row, whatever the line holds: one line must never take the whole list with it."""
    try:
        published = (
            f'<span class="published">published {time_tag(line.published, "clock", now)}</span>'
            if line.shows_published
            else ""
        )
        return (
            f"<tr{_data(line)}>\n"
            f'<td class="nowrap soft">{time_tag(line.time, "clock", now)}{published}</td>\n'
            f"<td>{_aggregate(line)}</td>\n"
            f'<td class="what">{_story(line, line.url)}</td>\n'
            f'<td class="mono soft nowrap"><bdi>{_topic(line.topic)}-{line.partition}</bdi>'
            f' <bdi class="nowrap">{escape(visible(line.label))}</bdi> {copy_tag(line.place, "position")}</td>\n</tr>\n'
        )
    except Exception as error:  # noqa: BLE001 -- see above
        return _not_shown(line, error, 4)


def _stream_row(line: EventLine, cells: str, of: StreamRows, now: datetime) -> str:
    """As ``_row``, in the columns of an aggregate's page."""
    try:
        chosen = ' class="selected"' if line.url == of.selected else ""
        stream = f' <span class="of-stream">of {_stream(line)}</span>' if of.several else ""
        return (
            f"<tr{chosen}{_data(line)}>\n"
            f'<td class="num soft"><span class="only-narrow">version </span>{line.version or NO_VALUE}{stream}</td>\n'
            f'<td class="nowrap soft">{time_tag(line.time, "clock", now)}</td>\n'
            f'<td class="what">{_chosen_story(line, of)}</td>\n{cells}\n</tr>'
        )
    except Exception as error:  # noqa: BLE001 -- see above
        return _not_shown(line, error, 3)


def _data(line: EventLine) -> str:
    """The row's attributes, for the page's script."""
    version = "" if line.version is None else line.version
    return (
        f' data-event-id="{escape(line.event_id)}" data-aggregate-id="{escape(line.aggregate_id)}"'
        f' data-aggregate-type="{escape(line.aggregate_type)}" data-position="{escape(line.position)}"'
        f' data-version="{version}"'
    )


def _not_shown(line: EventLine, error: Exception, columns: int) -> str:
    words = escape(reported(error, f"{line.topic} partition {line.partition}, {line.label}"))
    return (
        f'<tr data-position="{escape(line.position)}"><td class="full" colspan="{columns}">'
        f"{WARNING} This message cannot be shown: Eventdesk cannot handle something in it ({words}).</td></tr>\n"
    )


def _stream(line: EventLine) -> str:
    old = "the old " if line.log_is_gone else ""
    return f'{old}<bdi class="mono" title="{escape(visible(line.topic))}">{_topic(line.topic)}-{line.partition}</bdi>'


def _chosen_story(line: EventLine, of: StreamRows) -> str:
    """The story, whose words show the event in the panel beside the list."""
    published = f"&published={line.published_mark}" if line.log_is_gone else ""
    query = escape(f"?{of.query}event={quote(line.position, safe='', errors='surrogatepass')}{published}")
    current = ' aria-current="true"' if line.url == of.selected else ""
    url = escape(line.url)
    moves = of.movable and not line.log_is_gone
    act = f'<a class="row-act" href="{url}#delivery">Continue from here…</a>' if moves else ""
    return (
        f'<div class="story-line"><span class="dot dot-{line.tone}" aria-hidden="true"></span><div>'
        f'<a data-line href="{query}#detail" hx-get="{query}" hx-target="#detail" hx-replace-url="true"'
        f' hx-sync="closest table:queue last" data-own="{url}"{current}>{_words(line)}</a>'
        f'{"".join(_badges(line))}<div class="type-line">{_type(line)}{act}</div></div></div>'
    )


def _aggregate(line: EventLine) -> str:
    """The aggregate. A message that belongs to none shows its key instead."""
    if line.aggregate_id:
        type = escape(shorten(visible(line.aggregate_type), 32))
        return (
            f'<a class="aggregate" href="{escape(line.aggregate_url)}"><span class="soft"><bdi>{type}</bdi></span>'
            f" {id_tag(line.aggregate_id)}</a>"
        )
    return f'<span class="soft">key</span> {value_tag(line.key, 48)}' if line.key else NO_AGGREGATE


def _story(line: EventLine, url: str) -> str:
    return (
        f'<div class="story-line"><span class="dot dot-{line.tone}" aria-hidden="true"></span>'
        f'<div><a data-line href="{escape(url)}">{_words(line)}</a>{"".join(_badges(line))}{_type(line)}</div></div>'
    )


def _words(line: EventLine) -> str:
    return "".join([value_tag(piece) for piece in line.pieces])


def _badges(line: EventLine) -> Iterator[str]:
    if line.revealed:
        yield REVEALED
    if line.problem:
        yield f' <span class="badge badge-warn" title="{escape(visible(line.problem))}">{WARNING} unreadable</span>'
    if line.payload_unreadable:
        yield ' <span class="badge badge-warn">payload not readable</span>'
    if line.new_shape:
        yield NEW_SHAPE
    if line.missing_text:
        yield f' <span class="badge">{escape(line.missing_text)}</span>'
    if line.standing:
        yield f' <span class="badge" data-payload="{line.standing.value}">{line.payload_mark}</span>'
    if line.schema_mismatch:
        yield f' <span class="badge badge-warn">{WARNING} payload does not fit its schema</span>'
    for anomaly in line.anomalies:
        yield (
            f' <span class="badge badge-warn" title="{escape(anomaly.means)}" data-anomaly="{escape(anomaly.kind.value)}">'
            f"{WARNING} {escape(anomaly.badge)}</span>"
        )
    if line.member:
        yield f' <span class="badge">{escape(visible(line.member))}</span>'
    if line.derived:
        yield ' <span class="badge">copy</span>'


def _type(line: EventLine) -> str:
    if line.type:
        return _cached_type_tag(line.type) if len(line.type) <= LONGEST_CACHED else _type_tag(line.type)
    return f'<span class="raw-type">{escape(visible(line.problem))}</span>' if line.problem else ""


def _type_tag(type: str) -> str:
    return f'<bdi class="raw-type">{escape(shorten(visible(type), LONGEST_TYPE))}</bdi>'


_cached_type_tag = lru_cache(maxsize=1024)(_type_tag)


@lru_cache(maxsize=256)
def _topic(name: str) -> str:
    return escape(shorten(short_topic(name), 24))
