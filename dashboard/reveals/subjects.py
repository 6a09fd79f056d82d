"""What is to be revealed: read from an address, checked against the store, and told in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dashboard.auditing.looks import EVENT as EVENT_RESOURCE
from dashboard.gateway import desk
from dashboard.privacy import (
    AccessProfile,
    Origin,
    can_see,
    given_id,
    origin_of,
    origin_of_pointer,
    public_id,
    sees_name,
)
from dashboard.privacy.by_reason.reveals import AGGREGATE, EVENT, FIELD
from dashboard.privacy.plans import plan_for
from dashboard.privacy.profiles import Subject
from dashboard.rendering import aggregate_url, event_url
from dashboard.rendering.story import type_words
from eventstore.actions import Resource, aggregate_resource
from eventstore.config import value_path
from eventstore.model import Position, UnknownEvent
from eventstore.streams import Row

LONGEST_PATH = 300
WELL_KNOWN = frozenset({"key", "ordering_key", "subject", "source"})
"""Values of a message whose names are no secret."""
_ONE_PATH = {"ordering_key": "key"}
"""Both keys of a message are one value to masking: the rules, and what is revealed, speak of the key."""
SCOPES = {FIELD: "This field", EVENT: "This event", AGGREGATE: "Everything of this aggregate"}


class NothingThere(UnknownEvent):
    """The address names nothing that could be revealed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What an address names. ``given`` are its parts, to be posted with the form; ``url`` is the page that shows it."""

    whole: Subject
    """With everything that the address tells, whichever kind is chosen."""
    kinds: tuple[str, ...]
    type: str
    url: str
    given: Mapping[str, str]

    def subject(self, kind: str) -> Subject:
        """What is revealed if this kind is chosen; the narrowest if the kind is none of them."""
        kind = kind if kind in self.kinds else self.kinds[0]
        of = self.whole
        if kind == AGGREGATE:
            return Subject(kind=kind, aggregate_type=of.aggregate_type, aggregate_id=of.aggregate_id)
        return replace(of, kind=kind, path=of.path if kind == FIELD else "")


def asked_for(given: Mapping[str, str], profile: AccessProfile) -> Asked:
    """What these parts of an address name to this profile. Raises ``UnknownEvent`` and ``InvalidPosition``."""
    if given.get("at"):
        return _event_asked_for(given)
    type = given.get("aggregate_type", "")
    id = given_id(type, given.get("aggregate_id", ""), profile)
    if not id or desk().index.aggregate(type, id) is None:
        raise NothingThere("The address names no event and no aggregate that the index knows.")
    return Asked(
        whole=Subject(kind=AGGREGATE, aggregate_type=type, aggregate_id=id),
        kinds=(AGGREGATE,),
        type="",
        url=aggregate_url(type, id),
        given={"aggregate_type": type, "aggregate_id": public_id(type, id)},
    )


def _event_asked_for(given: Mapping[str, str]) -> Asked:
    row = desk().streams.row_at(Position.decode(given["at"]))
    origin = origin_of_row(row)
    if origin.event_id != given.get("event", ""):
        raise NothingThere("Another event is at this position now. Open the event again, and reveal it from there.")
    path = _ONE_PATH.get(given.get("path", ""), given.get("path", ""))
    if path and not may_name(path, origin):
        raise NothingThere("The event has no field of this name that could be revealed alone. Reveal the event instead.")
    kinds = (FIELD,) * bool(path) + (EVENT,) + (AGGREGATE,) * bool(origin.aggregate_id)
    return Asked(
        whole=replace(subject_of_event(origin), kind=kinds[0], path=path),
        kinds=kinds,
        type=origin.type,
        url=event_url(origin.event_id, row.position),
        given={"event": origin.event_id, "at": given["at"], **({"path": path} if path else {})},
    )


def subject_of_event(origin: Origin) -> Subject:
    """The whole event."""
    return Subject(
        kind=EVENT,
        topic=origin.topic,
        aggregate_type=origin.aggregate_type,
        aggregate_id=origin.aggregate_id,
        event_id=origin.event_id,
    )


def may_name(path: str, origin: Origin) -> bool:
    """Whether a field may be revealed by this path: its name is one that the rules spell, and so tells nothing of anybody."""
    if len(path) > LONGEST_PATH:
        return False
    if path in WELL_KNOWN:
        return True
    named = value_path(path)
    if named is None or not named.parts or not all(isinstance(part, str) for part in named.parts):
        return False
    if named.head == "data":
        return plan_for(origin.topic, origin.type).data.at(named.parts).spelled
    return sees_name(path, AccessProfile(name="", sees_values=False), origin)


def resource_of(subject: Subject) -> Resource:
    """The subject as the record names it."""
    if subject.kind == AGGREGATE:
        return aggregate_resource(subject.aggregate_type, subject.aggregate_id)
    return Resource(
        kind=EVENT_RESOURCE,
        topic=subject.topic,
        aggregate_type=subject.aggregate_type,
        aggregate_id=subject.aggregate_id,
        name=subject.event_id,
    )


def in_words(kind: str) -> str:
    """One kind of reveal for people: "one field"."""
    return {FIELD: "one field", EVENT: "one event", AGGREGATE: "the whole aggregate"}.get(kind, kind)


def sees_it_already(subject: Subject, profile: AccessProfile) -> bool:
    """Whether the person needs no reveal for it."""
    origin = Origin(
        topic=subject.topic,
        aggregate_type=subject.aggregate_type,
        aggregate_id=subject.aggregate_id,
        event_id=subject.event_id,
    )
    return can_see(subject.path or "data", profile, origin)


def words_of_type(type: str) -> str:
    return type_words(type) if type else ""


def origin_of_row(row: Row) -> Origin:
    """Of which event a row's values are."""
    if row.event is not None:
        return origin_of(row.event)
    assert row.pointer is not None
    return origin_of_pointer(row.pointer)
