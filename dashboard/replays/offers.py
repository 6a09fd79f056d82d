"""The buttons that lead to the preview of a replay: from an aggregate, an event or a search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.access import policy
from dashboard.gateway import desk
from dashboard.models import Person
from dashboard.privacy import display_id, profile_of, public_id
from dashboard.rendering.text import format_number, humanize_type, shorten, visible
from eventstore.model import Aggregate
from eventstore.projections import Projection
from eventstore.replays import REPLAY, Kind, Way

LONGEST_ID = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One button: "Replay 2 events of patient 4711 to app-timeline…"."""

    projection: str
    text: str
    url: str


def of_aggregate(person: Person, aggregate: Aggregate) -> Sequence[Offer]:
    """A button for each projection that takes single events, and reads topics that the aggregate has events in."""
    profile = profile_of(person)
    there = [stream for stream in aggregate.streams if stream.ended_at is None]
    found = []
    for one in _taking(person, (stream.topic for stream in there)):
        events = sum(stream.events for stream in there if one.reads(stream.topic))
        id = display_id(aggregate.type, aggregate.id, profile)
        of = f"of {humanize_type(aggregate.type).lower()} {visible(shorten(id, LONGEST_ID))}"
        what = f"{format_number(events)} event{'' if events == 1 else 's'} {of}"
        found.append(
            _offer(one, what, {"kind": Kind.AGGREGATE, "type": aggregate.type, "id": public_id(aggregate.type, aggregate.id)})
        )
    return found


def of_event(person: Person, event_id: str, topics: Iterable[str]) -> Sequence[Offer]:
    """A button for each projection that takes single events, and reads one of the topics that the event lies in."""
    return [_offer(one, "this event", {"kind": Kind.EVENT, "event": event_id}) for one in _taking(person, topics)]


def of_search(person: Person, topic: str, filter: str, since: datetime | None) -> Sequence[Offer]:
    """A button for each projection that takes single events of the topic that was searched, from this time on."""
    query = {"kind": Kind.FILTER, "topic": topic, "filter": filter}
    query |= {"since": since.isoformat()} if since is not None else {}
    return [_offer(one, "all matching events", query) for one in _taking(person, [topic])]


def _taking(person: Person, topics: Iterable[str]) -> Sequence[Projection]:
    """The declared projections that read one of these topics and have a replay topic, in the configuration's order."""
    if not policy.allows(person, REPLAY):
        return ()
    names = set(topics)
    return [one for one in desk().projections.all() if Way.TOPIC in one.ways and any(one.reads(topic) for topic in names)]


def _offer(projection: Projection, what: str, query: Mapping[str, str]) -> Offer:
    given = urlencode({"projection": projection.name, "way": Way.TOPIC, **query})
    return Offer(
        projection=projection.name,
        text=f"Replay {what} to {visible(projection.name)}…",
        url=f"{reverse('replay_new')}?{given}",
    )
