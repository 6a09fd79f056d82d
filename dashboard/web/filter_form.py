"""Filters and the searches that read a topic, as pages need them: who may filter by what, and how a search is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from dashboard import privacy
from dashboard.access.policy import allows
from dashboard.access.role_names import who_may
from dashboard.gateway import desk
from dashboard.models import Person
from dashboard.rendering import EventLine, build_line
from dashboard.rendering.text import format_duration
from dashboard.web.pages import person_of, profile_of
from eventstore.model import Topic
from eventstore.scanning import Request, Scan, ScanProgress, ScanState
from eventstore.search import Filter, InvalidFilter, parse_filter

PATIENCE = 0.8
"""Seconds that a page waits for the first matches before it comes without them."""
LONGEST_SHOWN = 4_096
"""Characters of an unusable filter that stay in its field."""
OLDEST_FIRST = "oldest"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnteredFilter:
    """A filter as somebody asked for it. ``filter`` is ``None`` where there is none, or where it cannot be used: then
    ``problem`` says why, and ``status`` is what the page answers with."""

    text: str = ""
    filter: Filter | None = None
    problem: str = ""
    status: int = HTTPStatus.OK


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A search as a page shows it, at one moment. ``lines`` are its matches from ``start`` on."""

    id: str
    progress: ScanProgress
    lines: Sequence[EventLine]
    start: int
    newest_first: bool
    poll_url: str
    here_url: str
    """The page with this very search."""
    anew_url: str
    onward_url: str
    turned_url: str
    """The same search from the other end."""
    index_url: str
    """The search box's answer for the id that the filter asks for, which takes no time; empty where it asks for none."""

    @property
    def running(self) -> bool:
        return self.progress.state is ScanState.RUNNING

    @property
    def pace(self) -> str:
        """How quick it is, and how long it still takes where known; nothing in the first second, which tells little."""
        if self.progress.seconds < 1 or not self.progress.read:
            return ""
        left = self.progress.seconds_left
        to_go = "" if left is None else f", about {format_duration(left + 0.5)} to go"
        return f"{self.progress.rate:,.0f} events a second{to_go}."


def searchable_names(person: Person) -> list[str]:
    """The declared values that this person's searches look into as well, by name: none for whoever may not see payloads."""
    declared = settings.EVENTDESK.searchables
    return sorted({searchable.name for searchable in declared}) if declared and allows(person, "see_payloads") else []


def entered_filter(request: HttpRequest) -> EnteredFilter:
    """The filter of this page's address. Filters that look at values which the person may not see are refused: whether an
    event matches would say what it holds."""
    return read_filter(request.GET.get("filter", ""), profile_of(request))


def read_filter(text: str, viewer: privacy.AccessProfile) -> EnteredFilter:
    """As ``entered_filter``, of a filter that came otherwise."""
    text = text.strip()
    if not text:
        return EnteredFilter()
    try:
        filter = parse_filter(text)
    except InvalidFilter as error:
        return EnteredFilter(text=text[:LONGEST_SHOWN], problem=str(error), status=HTTPStatus.BAD_REQUEST)
    if filter.reads_payload and not viewer.sees_values:
        return EnteredFilter(text=filter.text, problem=_not_by_values(), status=HTTPStatus.FORBIDDEN)
    return EnteredFilter(text=filter.text, filter=None if filter.empty else filter)


def search_of(request: HttpRequest, topic: Topic, filter: Filter, since: datetime | None) -> Found:
    """The search that the page's address names, or a new one; waited for until there is something to show.

    ``TooManySearches`` where no other may begin now.
    """
    newest_first = request.GET.get("order", "") != OLDEST_FIRST
    owner, id = owner_of(request), request.GET.get("search", "")
    scan = desk().scans.get(owner, id) if id else None
    if scan is None or (scan.request.topic.name, scan.request.filter.text) != (topic.name, filter.text):
        viewer = profile_of(request)
        wanted = Request(
            topic=topic,
            filter=filter,
            newest_first=newest_first,
            published_since=since,
            onward=request.GET.get("from", ""),
        )
        streams = desk().streams
        id, scan = desk().scans.begin(owner, wanted, lambda event: build_line(streams.row_of(event), viewer))
    scan.wait(PATIENCE, matches=settings.EVENTDESK.limits.page_size)
    return found(id, scan)


def owner_of(request: HttpRequest) -> str:
    """Whose search it is: a person as long as they see the same, since matches are kept as they were shown."""
    return f"{person_of(request).pk} {profile_of(request).level}"


def found(id: str, scan: Scan[EventLine], start: int = 0) -> Found:
    """The search as it stands. Whoever asks keeps it alive."""
    progress = scan.progress()
    lines = scan.matches(start)
    asked = scan.request
    page = reverse("topic", args=[asked.topic.name])
    query = {"filter": asked.filter.text}
    if asked.published_since:
        query["since"] = asked.published_since.isoformat()
    order = {} if asked.newest_first else {"order": OLDEST_FIRST}
    turned = {"order": OLDEST_FIRST} if asked.newest_first else {}
    onward = {"from": progress.onward} if progress.onward else {}
    return Found(
        id=id,
        progress=progress,
        lines=lines,
        start=start,
        newest_first=asked.newest_first,
        poll_url=f"{reverse('search', args=[id])}?{urlencode({'seen': start + len(lines)})}",
        here_url=f"{page}?{urlencode({**query, **order, 'search': id})}",
        anew_url=f"{page}?{urlencode({**query, **order})}",
        onward_url=f"{page}?{urlencode({**query, **order, **onward})}" if onward else "",
        turned_url=f"{page}?{urlencode({**query, **turned})}",
        index_url=f"{reverse('aggregates')}?{urlencode({'q': asked.filter.known_as})}" if asked.filter.known_as else "",
    )


def _not_by_values() -> str:
    return (
        "Your role sees ids, types and times, so you can filter by type, aggregate, id, correlation, causation and time. "
        f"Looking into payloads, texts, keys and properties takes the role {who_may('see_payloads')}."
    )
