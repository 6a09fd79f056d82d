"""The filter field and the searches that read a topic: who may filter by what, and what a page shows of a search."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote_plus, urlencode

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse

from dashboard.auditing.looks import SEARCH_MASKED, note_search
from dashboard.gateway import desk, sight
from dashboard.privacy import AccessProfile, filter_problem, handles_in_filter, ids_in_filter, may_search, public_name
from dashboard.privacy.by_reason.of_request import open_case_of, unnoted_profile_of
from dashboard.privacy.filtering import asked_by_reason
from dashboard.rendering import EventLine, build_line
from dashboard.rendering.text import format_duration
from dashboard.web.pages import person_of, profile_of, refused_for
from eventstore.model import Topic
from eventstore.scanning import Scan, ScanProgress, ScanRequest, ScanState
from eventstore.search import DeliverySource, Filter, InvalidFilter, parse_filter

PATIENCE = 0.8
"""Seconds that a page waits for first matches before it is sent without them."""
LONGEST_SHOWN = 4_096
"""Characters of an invalid filter that stay in its field."""
LONGEST_IN_ADDRESS = 8_192
"""Bytes of a filter as it is encoded in an address. A login page's address has it encoded twice, in up to 16,384 bytes."""
OLDEST_FIRST = "oldest"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnteredFilter:
    """The text of the filter field, and the filter that it means.

    ``filter`` is ``None`` if the text is empty or cannot be used. In the second case ``problem`` says why, and ``status`` is
    the status of the page.
    """

    text: str = ""
    filter: Filter | None = None
    problem: str = ""
    status: int = HTTPStatus.OK


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchView:
    """A search as a page shows it at one moment. ``lines`` are its matches from number ``start`` on."""

    id: str
    progress: ScanProgress
    lines: Sequence[EventLine]
    start: int
    newest_first: bool
    poll_url: str
    here_url: str
    """The page with this search."""
    anew_url: str
    onward_url: str
    turned_url: str
    """The same search in the other direction."""
    index_url: str
    """The search box's result for the id in the filter, which is much faster. Empty if the filter has no id."""

    @property
    def running(self) -> bool:
        return self.progress.state is ScanState.RUNNING

    @property
    def pace(self) -> str:
        """The rate, and the time to go if known. Empty during the first second, which tells little."""
        if self.progress.seconds < 1 or not self.progress.read:
            return ""
        left = self.progress.seconds_left
        to_go = "" if left is None else f", about {format_duration(left + 0.5)} to go"
        return f"{self.progress.rate:,.0f} events a second{to_go}."


def searchable_names(request: HttpRequest) -> list[str]:
    """The names of the declared values that this person's searches include."""
    profile = unnoted_profile_of(request)
    return sorted({searchable.name for searchable in settings.EVENTDESK.searchables if may_search(searchable, profile)})


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildingValue:
    """A declared value that some older events lack. ``percent``: how many have it, of the topics where not all do."""

    name: str
    percent: str

    def __str__(self) -> str:
        return f"{self.name} (being built, {self.percent})"


def values_building(
    request: HttpRequest, topics: Collection[str] | None = None, *, every_name: bool = False
) -> list[BuildingValue]:
    """The values that this person's searches include (``every_name``: that are declared) and that are still being built (in
    these topics), by name."""
    declared = sorted({searchable.name for searchable in settings.EVENTDESK.searchables})
    names = declared if every_name or not declared else searchable_names(request)
    try:
        found = desk().values.of_topics() if names else ()
    except DatabaseError:  # the page says by itself that the index does not answer
        return []
    here = [one for one in found if topics is None or one.topic in topics]
    by_name = {name: [one for one in here if name in one.by_name] for name in names}
    return [
        BuildingValue(
            name=name,
            percent=percent_of(sum(one.by_name[name] for one in some) / sum(one.events for one in some)),
        )
        for name, some in by_name.items()
        if some
    ]


def percent_of(fraction: float) -> str:
    """Rounded down, so that 100 % means everything."""
    return f"{int(fraction * 100)} %"


def entered_filter(
    request: HttpRequest, deliveries: DeliverySource | None = None, *, topics: Collection[str] | None = None
) -> EnteredFilter:
    """The filter in this page's address. It may ask for delivery where the page has ``deliveries``.

    A filter on values that are masked for the person is refused, because a match would tell what an event contains. ``topics``
    are those whose events the page shows; without them, it has to be allowed for the events of any topic.
    """
    entered = read_filter(request.GET.get("filter", ""), profile_of(request), deliveries=deliveries, topics=topics)
    return noted_if_refused(request, entered)


def noted_if_refused(request: HttpRequest, entered: EnteredFilter) -> EnteredFilter:
    """The same filter. If it is refused, the record says that, and not that the person may not see the page."""
    if entered.status == HTTPStatus.FORBIDDEN:
        refused_for(request, SEARCH_MASKED.name)
    return entered


def read_filter(
    text: str,
    profile: AccessProfile,
    *,
    in_address: bool = True,
    deliveries: DeliverySource | None = None,
    topics: Collection[str] | None = None,
) -> EnteredFilter:
    """Like ``entered_filter``, for a filter from elsewhere. ``in_address``: the page will keep it in its address."""
    text = text.strip()
    if not text:
        return EnteredFilter()
    try:
        filter = parse_filter(ids_in_filter(text, profile), deliveries)
    except InvalidFilter as error:
        return EnteredFilter(text=text[:LONGEST_SHOWN], problem=str(error), status=HTTPStatus.BAD_REQUEST)
    shown = handles_in_filter(filter.text)
    if in_address and (size := len(quote_plus(shown))) > LONGEST_IN_ADDRESS:
        return EnteredFilter(text=text[:LONGEST_SHOWN], problem=_too_long(size), status=HTTPStatus.BAD_REQUEST)
    if problem := filter_problem(filter, profile, topics):
        return EnteredFilter(text=shown, problem=problem, status=HTTPStatus.FORBIDDEN)
    if fields := asked_by_reason(filter, profile, topics):
        note_search(profile.name, sorted(topics or ()), fields, filter.text)
    return EnteredFilter(text=shown, filter=None if filter.empty else filter)


def search_of(request: HttpRequest, topic: Topic, filter: Filter, since: datetime | None) -> SearchView:
    """The search that the page's address names, or a new one. Waits briefly for first matches.

    Raises ``TooManySearches`` if no other search may begin now.
    """
    newest_first = request.GET.get("order", "") != OLDEST_FIRST
    owner, id = owner_of(request), request.GET.get("search", "")
    scan = desk().scans.get(owner, id) if id else None
    if scan is None or (scan.request.topic.name, scan.request.filter.text) != (topic.name, filter.text):
        profile = profile_of(request).standing()  # its matches are kept
        search = ScanRequest(
            topic=topic,
            filter=filter,
            newest_first=newest_first,
            published_since=since,
            onward=request.GET.get("from", ""),
        )
        streams = desk().streams
        id, scan = desk().scans.begin(owner, search, lambda event: build_line(streams.row_of(event), profile))
    scan.wait(PATIENCE, matches=settings.EVENTDESK.limits.page_size)
    return search_view(id, scan)


def owner_of(request: HttpRequest) -> str:
    """Who owns the search: a person with an access level, because matches are stored as that level sees them; with the open
    case, which lets them ask for more, and ends with what was asked for in it; and with the scope in which it searches."""
    case, within = open_case_of(request), sight()
    scope = within.scope if within is not None else ""
    return f"{person_of(request).pk} {profile_of(request).level} {case.pk if case is not None else ''} {scope}"


def search_view(id: str, scan: Scan[EventLine], start: int = 0) -> SearchView:
    """What the search has found so far. Calling this keeps the search alive."""
    progress = scan.progress()
    lines = scan.matches(start)
    search = scan.request
    page = reverse("topic", args=[search.topic.name])
    query = {"filter": handles_in_filter(search.filter.text)}
    if search.published_since:
        query["since"] = search.published_since.isoformat()
    order = {} if search.newest_first else {"order": OLDEST_FIRST}
    turned = {"order": OLDEST_FIRST} if search.newest_first else {}
    onward = {"from": progress.onward} if progress.onward else {}
    return SearchView(
        id=id,
        progress=progress,
        lines=lines,
        start=start,
        newest_first=search.newest_first,
        poll_url=f"{reverse('search', args=[id])}?{urlencode({'seen': start + len(lines)})}",
        here_url=f"{page}?{urlencode({**query, **order, 'search': id})}",
        anew_url=f"{page}?{urlencode({**query, **order})}",
        onward_url=f"{page}?{urlencode({**query, **order, **onward})}" if onward else "",
        turned_url=f"{page}?{urlencode({**query, **turned})}",
        index_url=f"{reverse('aggregates')}?{urlencode({'q': public_name(search.filter.known_as)})}"
        if search.filter.known_as
        else "",
    )


def _too_long(size: int) -> str:
    return (
        f"This filter is too long for an address: encoded it has {size:,} bytes, and {LONGEST_IN_ADDRESS:,} fit. "
        "Letters outside ASCII take up to twelve bytes each."
    )
