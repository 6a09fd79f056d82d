"""An event as JSON for scripts, masked for its reader.

The payload is inserted byte for byte as the store holds it, so numbers keep their digits. It is inserted as base64 if a parser
could fail on it, because one event must never make a whole batch unreadable.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from dashboard.privacy import (
    MASKED,
    AccessProfile,
    Origin,
    can_see,
    display_id,
    display_value,
    origin_of,
    plan_of,
    visible_payload,
    without_own_id,
)
from dashboard.privacy.payload_standing import standing_for
from eventstore.config import PayloadStanding
from eventstore.envelope import attributes_without, unreadable_event
from eventstore.model import NO_TIME, NOT_THE_MESSAGE, Event, reported

DEEPEST = 50
"""The deepest payload that is inserted as JSON. Parsers of some languages accept 64 levels, and a batch adds a few."""

MOST_BYTES = 800_000
"""The largest event that is sent whole. A larger one is sent without its unbounded fields."""
UNBOUNDED = ("source", "key", "orderingkey", "attributes", "data")

_OWN_FIELDS = frozenset(
    {"specversion", "id", "type", "source", "time", "aggregatetype", "aggregateid", "correlationid", "causationid"}
)
"""Attributes that have a field of their own."""
_USUAL_JSON = frozenset({"", "application/json"})
_THERE = PayloadStanding.THERE
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class _Form(Struct, kw_only=True, omit_defaults=True, gc=False):
    """What is sent of an event, in this order, without empty fields."""

    id: str
    type: str = ""
    source: str = ""
    time: datetime | None = None
    aggregate_type: str = msgspec.field(default="", name="aggregatetype")
    aggregate_id: str = msgspec.field(default="", name="aggregateid")
    correlation_id: str = msgspec.field(default="", name="correlationid")
    causation_id: str = msgspec.field(default="", name="causationid")
    topic: str
    partition: int
    position: str
    published: datetime | None = None
    key: str | None = None
    ordering_key: str | None = msgspec.field(default=None, name="orderingkey")
    member: int = 0
    members: int = 0
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET
    tombstone: bool = False
    encrypted: bool = False
    payload: str = ""
    problem: str = ""
    masked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def event_as_json(event: Event, profile: AccessProfile) -> bytes:
    """The event as one JSON object in UTF-8, whatever it contains. One that cannot be written has only a ``problem``."""
    try:
        return _event_as_json(event, profile)
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:  # noqa: BLE001 -- one event must never make a whole batch unreadable
        return _event_as_json(unreadable_event(event.message, reported(error, event.position.where)), profile)


def _event_as_json(event: Event, profile: AccessProfile) -> bytes:
    form = _form(event, profile)
    text = _text(form)
    return text if len(text) <= MOST_BYTES else _text(_bounded(form))


def _text(form: _Form) -> bytes:
    try:
        return _encode(form)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot encode
        return _encode(_without_surrogates(form))


def _bounded(form: _Form) -> _Form:
    """The form without its unbounded fields, which are named in ``left_out``."""
    nothing: Mapping[str, Any] = {"source": "", "key": None, "ordering_key": None, "attributes": {}}
    return msgspec.structs.replace(form, **nothing, data=UNSET, data_base64=UNSET, left_out=UNBOUNDED)


def _form(event: Event, profile: AccessProfile) -> _Form:
    message = event.message
    place, time, published = message.position, event.time, message.published
    standing = standing_for(event, profile)
    form = _Form(
        id=event.id,
        type=event.type,
        time=None if time == NO_TIME else time,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        topic=place.topic,
        partition=place.partition,
        position=place.encode(),
        published=None if published == NO_TIME else published,
        payload="" if standing is _THERE else standing.value,
        problem=event.problem,
    )
    if message.member is not None:
        form.member, form.members = message.member.number, message.member.count
    if not event.problem:
        form.aggregate_type = event.aggregate_type
        shown = event.aggregate_id if profile.sees_values else display_id(event.aggregate_type, event.aggregate_id, profile)
        form.aggregate_id = shown
    if profile.sees_values:
        _add_values(form, event)
    else:
        _add_visible(form, event, profile)
    return form


def _add_values(form: _Form, event: Event) -> None:
    """Add what not everybody may see."""
    message = event.message
    form.key, form.ordering_key = message.key, message.ordering_key
    form.source = event.source
    form.attributes = attributes_without(event.attributes, _OWN_FIELDS)
    _add_payload(form, event)


def _add_payload(form: _Form, event: Event) -> None:
    message = event.message
    form.tombstone, form.encrypted = message.null, message.encrypted
    if message.null:
        return
    if not message.encrypted and _is_safe_json(event):
        form.data = Raw(event.data)
    else:
        whole = message.payload if event.recoded and event.recoded.cut else event.data
        form.data_base64 = base64.b64encode(whole).decode("ascii")


def _add_visible(form: _Form, event: Event, profile: AccessProfile) -> None:
    """Add what the rules show.

    ``masked`` names each field of which something may be left out, whether it is there or not.
    """
    message, origin = event.message, origin_of(event)
    plan = plan_of(profile, origin)
    form.correlation_id = without_own_id(event.correlation_id, event, profile)
    form.causation_id = without_own_id(event.causation_id, event, profile)
    form.key = _seen(message.key, form, event, profile, origin)
    form.ordering_key = _seen(message.ordering_key, form, event, profile, origin)
    source = attributes = data = False
    if "attributes" in plan.heads:
        form.source = _text_or_nothing(event.source, "source", profile, origin)
        form.attributes = _attributes(event, profile, origin)
        source, attributes = can_see("source", profile, origin), plan.shows_all("attributes")
    if plan.data.open:
        data = plan.data.whole and can_see("data", profile, origin)
        if data:
            _add_payload(form, event)
        elif (document := visible_payload(event, profile, origin, marks=False, plan=plan)) is not MASKED:
            form.data = Raw(_encode(document))
    form.masked = _not_whole(
        source,
        form.key is not None and message.key in (form.key, event.aggregate_id),
        form.ordering_key is not None and message.ordering_key in (form.ordering_key, event.aggregate_id),
        attributes,
        data,
    )


@lru_cache(maxsize=64)
def _not_whole(*whole: bool) -> tuple[str, ...]:
    """The names of the unbounded fields that are not shown whole, of those that are or are not."""
    return tuple(name for name, shown in zip(UNBOUNDED, whole, strict=True) if not shown)


def _attributes(event: Event, profile: AccessProfile, origin: Origin) -> Mapping[str, str]:
    found = {
        name: _text_or_nothing(text, f"attributes.{name}", profile, origin)
        for name, text in attributes_without(event.attributes, _OWN_FIELDS).items()
    }
    return {name: text for name, text in found.items() if text}


def _text_or_nothing(text: str, path: str, profile: AccessProfile, origin: Origin) -> str:
    shown = display_value(text, path, profile, origin)
    return str.__str__(shown) if isinstance(shown, str) else ""  # msgspec encodes no subclass of str


def _seen(key: str | None, form: _Form, event: Event, profile: AccessProfile, origin: Origin) -> str | None:
    """The key, as far as the profile may see it: one that is the aggregate's id is seen as that is."""
    if key is not None and not event.problem and key == event.aggregate_id:
        return form.aggregate_id
    return None if key is None else _text_or_nothing(key, "key", profile, origin) or None


def _is_safe_json(event: Event) -> bool:
    """Whether the payload is meant to be JSON, and every parser accepts it."""
    data = event.data
    if event.content_type not in _USUAL_JSON and not _names_json(event.content_type) and data[:1] not in (b"{", b"["):
        return False
    if len(data) > MOST_BYTES or (event.recoded and event.recoded.cut):  # it will be left out anyway, or is not whole
        return False
    try:
        _parse(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return data.count(b"{") + data.count(b"[") <= DEEPEST or _depth(data) <= DEEPEST


def _names_json(content_type: str) -> bool:
    """Whether the content type is one of JSON, or is none."""
    media = content_type.partition(";")[0].strip().lower()
    return not media or media.endswith(("/json", "+json"))


def _depth(data: bytes) -> int:
    """How deep the brackets of this JSON are nested, not counting those in strings.

    Call it only for JSON that was parsed: in a string without an end, the search from each quotation mark is quadratic.
    """
    depth = deepest = 0
    for match in _TOKEN.finditer(data):
        depth += (match[1] is not None) - (match[2] is not None)
        deepest = max(deepest, depth)
    return deepest


def _without_surrogates(form: _Form) -> _Form:
    def replaced(text: str) -> str:
        return _SURROGATE.sub("\ufffd", text)

    changes: dict[str, object] = {}
    for name in form.__struct_fields__:
        value = getattr(form, name)
        if isinstance(value, str):
            changes[name] = replaced(value)
        elif isinstance(value, Mapping):
            changes[name] = {replaced(key): replaced(part) for key, part in value.items()}
    return msgspec.structs.replace(form, **changes)
