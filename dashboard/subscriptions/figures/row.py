"""A subscription's row in a table, as HTML. It is written as text and not as a template: a page may hold five hundred of them.

Every value is escaped. Text for people goes through ``visible`` first, so that no name can change the writing direction.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from html import escape

from django.utils import timezone
from django.utils.safestring import SafeString

from dashboard.rendering.tags import time_tag
from dashboard.rendering.text import NO_VALUE, format_age, format_duration, format_exact, format_number, short_topic, visible
from dashboard.rendering.url_segments import address, segment
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.diagnosis import at_a_glance
from dashboard.subscriptions.figures.sparkline import sparkline
from eventstore.model import Topic
from eventstore.subscriptions import Counted, State

UNKNOWN = '<span class="soft">unknown</span>'
NONE = '<span class="soft">none</span>'
HAS_NO_PACE = frozenset({State.PHANTOM, State.EXTERNAL, State.STORES_OWN, State.DELAYED, State.HELD_BACK})
"""States in which what waits says nothing of how long consumers need."""


def full_rows(lines: Iterable[Line], *, lists_consumers: bool) -> SafeString:
    """The rows of the table of subscriptions, with all columns."""
    now = timezone.now()
    return SafeString("".join([_row(line, _all_figures(line, lists_consumers=lists_consumers), now) for line in lines]))


def brief_rows(lines: Iterable[Line]) -> SafeString:
    """The rows of the overview, with few columns."""
    now = timezone.now()
    return SafeString("".join([_row(line, _few_figures(line), now) for line in lines]))


def _row(line: Line, figures: str, now: datetime) -> str:
    name, topic = line.subscription.name, line.topic
    return (
        f'<tr data-subscription="{escape(name)}" data-topic="{escape(topic.name)}" data-backlog="{line.backlog.waiting}"'
        f' data-state="{escape(line.backlog.state)}">\n{_names(topic, name, line.kind_word)}'
        f'{figures}<td class="lead">{_state(line, now)}</td>\n</tr>\n'
    )


@lru_cache(maxsize=2048)
def _names(topic: Topic, name: str, kind_word: str) -> str:
    """The cells with the names and their links. They are the same each time."""
    kind = f' <span class="badge">{kind_word}</span>' if kind_word else ""
    derived = (
        f' <span class="badge" title="A derived topic: it holds copies of events of another topic">{topic.kind}</span>'
        if topic.derived
        else ""
    )
    return (
        f'<th scope="row"><a data-line id="s-{segment(topic.name)}-{segment(name)}"'
        f' href="{escape(address("subscription", topic.name, name))}"><bdi>{escape(visible(name))}</bdi></a>{kind}</th>\n'
        f'<td class="mono"><a href="{escape(address("topic", topic.name))}" title="{escape(visible(topic.name))}">'
        f"<bdi>{escape(short_topic(topic.name))}</bdi></a>{derived}</td>\n"
    )


def _all_figures(line: Line, *, lists_consumers: bool) -> str:
    told, pace = line.subscription, line.pace
    own = line.of_the_store
    cells = [f'<td class="wide-only roomy-only">{NO_VALUE if own else told.type}</td>']
    if lists_consumers:
        count = NO_VALUE if own else format_number(len(told.consumers)) if told.consumers else NONE
        cells.append(f'<td class="num wide-only">{count}</td>')
    cells += [
        _waiting(line),
        f'<td class="wide-only roomy-only">{sparkline([(step.at, step.waiting) for step in line.steps], "Waiting")}</td>',
        _oldest(line),
    ]
    if lists_consumers:
        cells.append(f'<td class="num wide-only roomy-only">{format_number(told.unacked) if told.unacked else NO_VALUE}</td>')
    cells += [
        f'<td class="num wide-only roomy-only">{_rate(pace.published)}</td>',
        f'<td class="num wide-only roomy-only">{NO_VALUE if own else _rate(pace.handled)}</td>',
        f'<td data-label="To drain" class="num nowrap">{_drain(line)}</td>\n',
    ]
    return "".join(cells)


def _few_figures(line: Line) -> str:
    type = NO_VALUE if line.of_the_store else line.subscription.type
    return (
        f'<td class="wide-only">{type}</td>{_waiting(line)}{_oldest(line)}'
        f'<td data-label="To drain" class="num nowrap">{_drain(line)}</td>\n'
    )


def _waiting(line: Line) -> str:
    backlog = line.backlog
    entries = backlog.entries
    beside = ""
    if entries is not None and backlog.counted is not Counted.ENTRIES and entries != backlog.waiting:
        why = "some hold several events" if entries < backlog.waiting else "some are not events, or not indexed yet"
        words = f"{format_number(entries)} entr{'y' if entries == 1 else 'ies'}"
        beside = f' <span class="entries" title="Counted by the broker: {why}">{words}</span>'
    return f'<td data-label="Waiting" class="num">{line.waiting}{beside}</td>'


def _oldest(line: Line) -> str:
    since = line.backlog.oldest
    if since is None:
        words = UNKNOWN if line.backlog.waiting else NO_VALUE
    else:
        words = f'<span title="Published {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC">{line.oldest}</span>'
    return f'<td data-label="Oldest" class="num nowrap">{words}</td>'


def _rate(rate: float | None) -> str:
    if rate is None:
        return UNKNOWN
    if rate == 0:
        return "0"
    return "&lt; 0.1" if rate < 0.1 else f"{rate:.1f}" if rate < 10 else format_number(round(rate))


def _drain(line: Line) -> str:
    """How long until nothing waits, if all goes on as in the last minutes."""
    if not line.backlog.waiting or line.backlog.state in HAS_NO_PACE:
        return NO_VALUE
    pace = line.pace
    if line.stuck:
        return "growing" if pace.falls is not None and pace.falls < 0 else "never"
    if pace.falls is None:
        return UNKNOWN
    if pace.drains_in is not None:
        return format_duration(pace.drains_in.total_seconds())
    return "growing" if pace.falls < 0 else "never"


def _state(line: Line, now: datetime) -> str:
    backlog, (tone, sign, word) = line.backlog, line.mark
    notes = []
    if backlog.state is State.PHANTOM:
        notes.append("never acknowledged")
    if backlog.state is State.IDLE and line.unattended_and_told:
        notes.append("no consumer")
    if backlog.state is State.EXTERNAL:
        notes.append("kept elsewhere")
    if line.of_the_store:
        notes.append(f"for {escape(line.subscription.kind)}")
    if backlog.delayed_until:
        notes.append(f"until {time_tag(backlog.delayed_until, 'clock', now)}")
    if backlog.state is State.HELD_BACK:
        notes.append(_held(line, now))
    if line.moved:
        notes.append(f"{line.still_where + ', ' if line.still_where else ''}moved {_ago(line.moved, now)}")
    elif line.still_for:
        notes.append(f"{line.still_where + ', ' if line.still_where else ''}for {line.still_for}")
    if mistakes := [escape(found.title) for found in at_a_glance(line) if found.sure]:
        notes.append(f'<span title="{"; ".join(mistakes)}">{len(mistakes)} mistake{"" if len(mistakes) == 1 else "s"}</span>')
    if line.unavailable:
        notes.append(f"as of {time_tag(backlog.as_of, 'clock', now)}")
    status = f'<span class="status status-{tone}"><span aria-hidden="true">{sign}</span> {word}</span>'
    return f'{status} <span class="soft">{" · ".join(notes)}</span>' if notes else status


def _held(line: Line, now: datetime) -> str:
    entries, since = line.backlog.entries or 0, line.backlog.held_since
    words = f"{format_number(entries)} entr{'y' if entries == 1 else 'ies'}, by an open transaction"
    return f"{words} since {time_tag(since, 'clock', now)}" if since else words


def _ago(at: datetime, now: datetime) -> str:
    at = at.astimezone(UTC)
    age = format_age((now - at).total_seconds())
    return f'<time datetime="{at.isoformat()}" title="{format_exact(at)}" data-style="ago">{age}</time>'
