"""What a replay's preview asks for, in its address and in its form: to which projection, in which way, and which events."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from dashboard.gateway import desk
from dashboard.privacy import NOBODY, AccessProfile, given_id, handles_in_filter, public_id
from dashboard.replays.reading import NOT_READ, Until, ends_in, ends_told, time_in, ways_for
from dashboard.web.filter_form import noted_if_refused, read_filter
from dashboard.web.pages import profile_of
from eventstore.config import Projection
from eventstore.model import InvalidPosition, InvalidReplay, Position
from eventstore.replays import Aim, Kind, ReplayPlan, Way, What

NOT_WRITTEN = "This is not what the preview has written. Open the preview again."
FIELDS = ("projection", "way", "kind", "topic", "type", "id", "since", "from", "filter", "only_type", "only_id", "canary_of")
"""What an address or a form says, beside any number of ``event``."""
EXACT = ("type", "id", "only_type", "only_id")
"""What a button gives letter by letter: an id may begin or end with a space."""
TYPED = "typed"
"""Given by the form in which people type: blanks around what they typed are not meant, and divide event ids."""


class IncompleteReplay(InvalidReplay):
    """Something is still to be chosen; the text says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was asked for as far as it is said. ``given`` is for addresses and forms, with handles in place of personal ids;
    ``meant`` the same with the ids. ``ways``: those that fit what was chosen."""

    given: Mapping[str, str]
    meant: Mapping[str, str]
    events: Sequence[str]
    projection: Projection | None
    ways: Sequence[Way]

    def address(self, **other: str) -> str:
        """The query of the preview of this, with something else instead."""
        pairs = [(name, text) for name, text in {**self.given, **other}.items() if text]
        return urlencode([*pairs, *(("event", id) for id in self.events)])


def asked_in(given: QueryDict, profile: AccessProfile) -> Asked:
    """Read the address or the form. Raises ``UnknownProjection``."""
    typed = TYPED in given
    fields = {name: text for name in FIELDS if (text := _given(given.get(name, ""), exact=name in EXACT and not typed))}
    if "canary_of" in fields:
        fields |= _of_rest(fields["canary_of"])
    fields, meant = _with_ids(fields, profile)
    events = tuple(id for text in given.getlist("event") for id in (text.split() if typed else [text]) if id)
    if "kind" not in fields and (kind := _kind(fields, events)) is not None:
        fields["kind"] = kind.value
    projection = desk().projections.get(fields["projection"]) if "projection" in fields else _only_one(meant, events)
    if projection is not None:
        fields["projection"] = projection.name
    return Asked(
        given=fields,
        meant={**fields, **meant},
        events=events,
        projection=projection,
        ways=() if projection is None else ways_for(projection, fields.get("kind", "")),
    )


def aim_of(request: HttpRequest, asked: Asked, *, until: str = "", ticket: str = "") -> Aim:
    """What is to be planned. Raises ``IncompleteReplay`` where something is still to be chosen, and ``InvalidReplay`` where
    what was chosen cannot be used."""
    if "canary_of" in asked.given:
        return desk().replay_plans.rest_of(desk().jobs.get(asked.given["canary_of"]), ticket=ticket)
    if asked.projection is None:
        raise IncompleteReplay("Choose the projection that is to get the events again.")
    what = _what(request, asked)
    if not asked.ways:
        raise InvalidReplay(
            f"{_name(asked.projection)} takes no replay of this. Without a replay topic, single events cannot be sent to it: "
            "its page says what to declare."
        )
    wanted = asked.given.get("way", "")
    way = next((one for one in asked.ways if one.value == wanted), asked.ways[0])
    only = (asked.meant.get("only_type", ""), asked.meant.get("only_id", ""))
    return desk().replay_plans.aim(asked.projection, way, what, until=until_in(until), ticket=ticket, only=only)


def canary_address(asked: Asked, plan: ReplayPlan) -> str:
    """The query of the preview that tries one aggregate of this plan first; empty where there is nothing to try."""
    first = next((one for one in plan.first if one.aggregate_id), None)
    several = plan.what.kind in (Kind.EVERYTHING, Kind.SINCE, Kind.FILTER) and plan.counts.aggregates != 1
    if plan.way is not Way.TOPIC or not several or plan.only != ("", "") or plan.canary_of or first is None:
        return ""
    query = asked.address(only_type=first.aggregate_type, only_id=public_id(first.aggregate_type, first.aggregate_id))
    return f"{query}&{urlencode({'until': until_as_posted(plan.until)})}"


def projections_for(asked: Asked) -> Sequence[Projection]:
    """The declared projections that can be chosen for what was asked."""
    topics = set(_topics(asked.meant, asked.events))
    return [one for one in desk().projections.all() if not topics or any(one.reads(topic) for topic in topics)]


def until_as_posted(ends: Until) -> str:
    return json.dumps(ends_told(ends))


def until_in(text: str) -> Until | None:
    """What ``until_as_posted`` wrote; ``None`` for nothing. Raises ``InvalidPosition``."""
    if not text:
        return None
    try:
        return ends_in(json.loads(text))
    except NOT_READ as error:
        raise InvalidPosition(NOT_WRITTEN) from error


def _with_ids(fields: Mapping[str, str], profile: AccessProfile) -> tuple[dict[str, str], Mapping[str, str]]:
    """The fields with handles in place of personal ids, and the ids that are meant: one that nothing has where the person may
    not ask for it."""
    shown, ids = dict(fields), {}
    for type, id in (("type", "id"), ("only_type", "only_id")):
        if id in fields:
            ids[id] = given_id(fields.get(type, ""), fields[id], profile)
            if ids[id] != NOBODY:
                shown[id] = public_id(fields.get(type, ""), ids[id])
    if "filter" in fields and profile.sees_values:
        shown["filter"] = handles_in_filter(fields["filter"])
    return shown, {**fields, **ids}


def _of_rest(job: str) -> Mapping[str, str]:
    """What the rest of a canary's plan is, as far as the page says it. Raises ``UnknownJob`` and ``JobRefused``."""
    aim = desk().replay_plans.rest_of(desk().jobs.get(job))
    return {"projection": aim.projection.name, "way": aim.way.value, "kind": aim.what.kind.value}


def _kind(fields: Mapping[str, str], events: Sequence[str]) -> Kind | None:
    """What is meant where the address does not say it."""
    if events:
        return Kind.EVENT
    if "id" in fields:
        return Kind.AGGREGATE
    if "filter" in fields:
        return Kind.FILTER
    return Kind.SINCE if "since" in fields or "from" in fields else None


def _only_one(fields: Mapping[str, str], events: Sequence[str]) -> Projection | None:
    """The only declared projection that reads what was chosen, if there is only one."""
    topics = set(_topics(fields, events))
    found = [one for one in desk().projections.all() if any(one.reads(topic) for topic in topics)]
    return found[0] if len(found) == 1 else None


def _topics(fields: Mapping[str, str], events: Sequence[str]) -> Iterable[str]:
    """The topics in which that lies which was chosen; none if every topic may be meant."""
    if topic := fields.get("topic"):
        return [topic]
    if events:
        return [pointer.position.topic for id in events[:20] for pointer in desk().index.with_event_id(id)]
    if "id" in fields:
        found = desk().index.aggregate(fields.get("type", ""), fields["id"])
        return [stream.topic for stream in found.streams] if found else []
    return []


def _given(text: str, *, exact: bool) -> str:
    return text if exact else text.strip()


def _what(request: HttpRequest, asked: Asked) -> What:
    given, kind = asked.meant, asked.meant.get("kind", "")
    if kind not in set(Kind):
        raise IncompleteReplay("Choose the events: all, those since a time, of one aggregate, or those that a filter finds.")
    topic = desk().streams.topic(given["topic"]).name if "topic" in given else ""
    what = What(kind=Kind(kind), topic=topic)
    match what.kind:
        case Kind.AGGREGATE:
            if "id" not in given or "type" not in given:
                raise IncompleteReplay("Give the type and the id of the aggregate.")
            return replace(what, aggregate=(given["type"], given["id"]))
        case Kind.EVENT:
            if not asked.events:
                raise IncompleteReplay("Give the id of an event, or of several.")
            return replace(what, events=tuple(dict.fromkeys(asked.events)))
        case Kind.SINCE:
            return _since(what, given)
        case Kind.FILTER:
            return _filtered(request, what, given)
    return what


def _since(what: What, given: Mapping[str, str]) -> What:
    if "from" in given:
        place = Position.decode(given["from"])
        return replace(what, topic=place.topic, positions={place.partition: place.token})
    if "since" not in given:
        raise IncompleteReplay("Give the time from which on events are replayed.")
    return replace(what, time=time_in(given["since"]))


def _filtered(request: HttpRequest, what: What, given: Mapping[str, str]) -> What:
    entered = read_filter(given.get("filter", ""), profile_of(request), topics={what.topic} if what.topic else None)
    if noted_if_refused(request, entered).problem:
        raise InvalidReplay(entered.problem)
    if entered.filter is None:
        raise IncompleteReplay("Give a filter: it says which events are replayed.")
    return replace(what, filter=entered.filter.text, time=time_in(given["since"]) if "since" in given else None)


def _name(projection: Projection) -> str:
    return projection.name if projection.declared else projection.subscription
