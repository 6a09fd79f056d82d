"""Who looks, and at the values of which event."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from glob import escape
from typing import TYPE_CHECKING

from dashboard.access.policy import allows
from eventstore.config import DATA, OF_THE_MESSAGE, MaskingRule, Show, ValuePath, Wild, value_path
from eventstore.model import Event, Pointer

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from dashboard.models import ApiToken, Person


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Of which event a value is. A value without an origin is hidden, unless its path is open to everybody."""

    topic: str = ""
    type: str = ""
    aggregate_type: str = ""
    aggregate_id: str = ""
    event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a reveal shows.

    ``kind`` is ``field`` (the value at ``path`` of one event, with all that is in it), ``event`` or ``aggregate``.
    A field and an event are those of one ``topic``: another topic may use the same id for something else. An event has its
    aggregate, if it belongs to one.
    """

    kind: str
    topic: str = ""
    aggregate_type: str = ""
    aggregate_id: str = ""
    event_id: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Revealed(Subject):
    """What one person may see for a limited time, by a reveal."""

    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessProfile:
    """What masking has to know about a person or a token.

    - ``sees_values`` is the standing right (``see_payloads``): every value is plain.
    - ``filters_masked``: may compare masked values for equality, in a filter and in the search box.
    - ``reveals`` are the person's own that are active. Nothing that others read may depend on them.
    """

    name: str
    sees_values: bool
    filters_masked: bool = False
    reveals: frozenset[Revealed] = frozenset()

    @property
    def level(self) -> str:
        """The same for all who see the same, so that rendered text can be shared between them. No reveal counts in it."""
        return "values" if self.sees_values else "masked"

    def standing(self) -> "AccessProfile":
        """The profile without its reveals, for what is kept longer than one answer."""
        return replace(self, reveals=frozenset()) if self.reveals else self


def profile_of(account: "Person | AnonymousUser | ApiToken") -> AccessProfile:
    """The standing profile, without reveals: for tails, caches and scripts."""
    return AccessProfile(name=account.get_username(), sees_values=allows(account, "see_payloads"))


def origin_of(event: Event) -> Origin:
    """The origin of this event's values. A message that fits no envelope has neither a type nor an aggregate."""
    if event.problem:
        return Origin(topic=event.position.topic, event_id=event.id)
    return Origin(
        topic=event.position.topic,
        type=event.type,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        event_id=event.id,
    )


def origin_of_pointer(pointer: Pointer) -> Origin:
    """The origin of the values of the event that the index knows so."""
    return Origin(
        topic=pointer.position.topic,
        type=pointer.type,
        aggregate_type=pointer.aggregate_type,
        aggregate_id=pointer.aggregate_id,
        event_id=pointer.event_id,
    )


def revealed_rules(profile: AccessProfile, origin: Origin) -> list[MaskingRule]:
    """What the person's active reveals open of this event, as rules that come before the configuration's."""
    now = datetime.now(UTC)
    return [rule for one in profile.reveals if one.until > now and _is_of(one, origin) for rule in _opened(one)]


def is_revealed(profile: AccessProfile, origin: Origin) -> bool:
    """Whether a reveal covers something of this event. Rules may show that to everybody."""
    return bool(profile.reveals) and not profile.sees_values and bool(revealed_rules(profile, origin))


def reveals_aggregate(profile: AccessProfile, type: str, id: str) -> bool:
    """Whether this whole aggregate is revealed to the profile now."""
    now = datetime.now(UTC)
    return any(
        one.kind == "aggregate" and (one.aggregate_type, one.aggregate_id) == (type, id) and one.until > now
        for one in profile.reveals
    )


def _is_of(one: Revealed, origin: Origin) -> bool:
    if (one.aggregate_type, one.aggregate_id) != (origin.aggregate_type, origin.aggregate_id):
        return False
    if one.kind == "aggregate":
        return bool(origin.aggregate_id)
    same = (one.topic, one.event_id) == (origin.topic, origin.event_id)
    return one.kind in ("event", "field") and bool(origin.event_id) and same


def _opened(one: Revealed) -> tuple[MaskingRule, ...]:
    if one.kind != "field":
        return _EVERYTHING
    path = value_path(one.path)
    if path is None:
        return ()
    if path.head == DATA:
        path = ValuePath(DATA, (*path.parts, Wild.DEEP))
    elif path.parts:
        path = ValuePath(path.head, (escape(str(path.parts[0])),))
    return (MaskingRule(topic="*", type="*", path=path, show=Show.PLAIN),)


_EVERYTHING = tuple(
    MaskingRule(topic="*", type="*", path=path, show=Show.PLAIN)
    for path in (
        ValuePath(DATA, (Wild.DEEP,)),
        ValuePath("attributes", ("*",)),
        ValuePath("properties", ("*",)),
        *(ValuePath(head) for head in sorted(OF_THE_MESSAGE)),
    )
)
