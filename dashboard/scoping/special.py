"""Calls of faces that take more than leaving things out of their answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dashboard.access.scopes import Scope
from dashboard.scoping.sight import has_every_type
from eventstore.extent import within
from eventstore.jobs import UnknownJob
from eventstore.model import MiddleHours, Topic
from eventstore.scanning import ScanRequest
from eventstore.search import Filter, parse_filter

MOST_TURNS = 100
"""Pages of a list that are gone through for one page of what is seen of it."""
MOST_EMPTY = 20
"""Pages of a topic of which nothing is seen, that are gone past at once."""


def limited(filter: Filter | None, scope: Scope) -> Filter | None:
    """The filter, for events of the types of aggregates in the scope alone. A filter is limited once."""
    if has_every_type(scope) or (filter is not None and filter.types):
        return filter
    return (filter or parse_filter("")).of_types(scope.has_aggregate_type, named=repr(scope))


def _whole_topic(face: Any, topic: str) -> bool:
    """Whether all events of the topic are seen. Counts by type of event cannot leave some of them out."""
    return bool(face.sight.every_type or face.whole.is_whole(topic))


def _hours(face: Any, topic: str, *args: Any, **named: Any) -> Any:
    return face.whole.hours(topic, *args, **named) if _whole_topic(face, topic) else []


def _middle_hours(face: Any, topic: str, events: int) -> Any:
    return face.whole.middle_hours(topic, events) if _whole_topic(face, topic) else MiddleHours()


def _at_spelled(face: Any, text: str, topics: Mapping[str, Any]) -> Any:
    return face.whole.at_spelled(text, {name: one for name, one in topics.items() if face.sight.has_topic(name)})


def _topic_page(face: Any, topic: Topic, *, page_token: str | None = None, limit: int = 50) -> Any:
    """A page with something on it, if there is one: whole pages may be of types that are not seen."""
    page = face.whole.topic_page(topic, page_token=page_token, limit=limit)
    first = page
    for _ in range(MOST_EMPTY):
        if page.older is None or any(map(face.sight.sees, page.items)):
            break
        page = face.whole.topic_page(topic, page_token=page.older, limit=limit)
    return page if page is first else replace(page, newer=first.newer)


def _newest(face: Any, *, limit: int = 50, before: int | None = None, **named: Any) -> Sequence[Any]:
    """The newest jobs, or replays, that are seen."""
    found: list[Any] = []
    for _ in range(MOST_TURNS):
        some = face.whole.newest(limit=limit, before=before, **named)
        found += [one for one in some if face.sight.sees(one)]
        if len(some) < limit or len(found) >= limit:
            break
        before = getattr(some[-1], "job", some[-1]).number
    return found[:limit]


def _on_job(name: str) -> Callable[..., Any]:
    """An act on a job: one that is not seen does not exist."""

    def act(face: Any, actor: Any, id: str, *args: Any, **named: Any) -> Any:
        whole = face.whole
        if not face.sight.sees(getattr(whole, "_jobs", whole).get(id)):
            raise UnknownJob("There is no job of this id.")
        return getattr(whole, name)(actor, id, *args, **named)

    return act


def _groups(face: Any, dead: Any, **named: Any) -> Any:
    found = face.whole.groups(dead, **named)
    return found if face.sight.every_type else replace(found, types=(), versions=(), reasons=())


def _in_extent(name: str) -> Callable[..., Any]:
    """Counts of one aggregate: of what is seen of it alone."""

    def count(face: Any, *args: Any, **named: Any) -> Any:
        with within(face.sight.extent):
            return getattr(face.whole, name)(*args, **named)

    return count


def _copies(face: Any, type: str, id: str) -> Any:
    """Copies are seen by their topic; the replay that made them may be of others too."""
    with within(face.sight.extent):
        return face.whole.copies(type, id, sees=face.sight.sees)


def _jobs_naming(face: Any, type: str, id: str) -> Any:
    return face.whole.jobs(type, id, sees=face.sight.sees)


def _readers(face: Any, *args: Any, **named: Any) -> Any:
    """A subscription is seen by its topic; the projection that it builds may read others."""
    found = _in_extent("readers")(face, *args, **named)
    sees = face.sight.has_projection_named
    return replace(found, readers=[one if sees(one.projection) else replace(one, projection="") for one in found.readers])


def _begin(face: Any, owner: str, request: ScanRequest, keep: Any) -> Any:
    filter = limited(request.filter, face.sight.scope)
    assert filter is not None
    return face.whole.begin(owner, replace(request, filter=filter), keep)


def _open(face: Any, topics: Iterable[Topic], *args: Any, filter: Filter | None = None, **named: Any) -> Any:
    return face.whole.open(topics, *args, filter=limited(filter, face.sight.scope), **named)


SPECIAL: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("index", "hours"): _hours,
        ("index", "middle_hours"): _middle_hours,
        ("index", "at_spelled"): _at_spelled,
        ("streams", "topic_page"): _topic_page,
        ("jobs", "newest"): _newest,
        ("replays", "newest"): _newest,
        ("letters", "groups"): _groups,
        ("scans", "begin"): _begin,
        ("tail", "open"): _open,
        ("erasure", "events"): _in_extent("events"),
        ("erasure", "values"): _in_extent("values"),
        ("erasure", "copies"): _copies,
        ("erasure", "readers"): _readers,
        ("erasure", "jobs"): _jobs_naming,
        ("replay_plans", "approve"): _on_job("approve"),
        **{("jobs", name): _on_job(name) for name in ("pause", "resume", "cancel", "approve", "throttle")},
    }
)
"""By the face and its method. Each is called with the narrowed face; its answer is looked through as any other is."""
