"""An event as JSON for scripts, masked for whoever reads it: the one form that leaves the desk whole.

The payload goes in as it lies in the store, without being taken apart: numbers keep their digits. It goes in as base64 where
the reader's parser could stumble over it, since one event must never make a batch unreadable.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from dashboard.privacy.masking import AccessProfile, sees
from eventstore.model import Event

DEEPEST = 50
"""Levels of a payload that goes in as JSON: the parsers of some languages take 64, and a batch adds a few."""

MOST_BYTES = 800_000
"""Of one event; of a larger one goes in what has a bound."""
UNBOUNDED = ("source", "key", "attributes", "data")

_TOLD = frozenset(
    {"specversion", "id", "type", "source", "time", "aggregatetype", "aggregateid", "correlationid", "causationid"}
)
"""Attributes that are members of their own."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class _Form(Struct, kw_only=True, omit_defaults=True, gc=False):
    """What is sent of an event, in this order; what is empty is left out."""

    id: str
    type: str = ""
    source: str = ""
    time: datetime
    aggregate_type: str = msgspec.field(default="", name="aggregatetype")
    aggregate_id: str = msgspec.field(default="", name="aggregateid")
    correlation_id: str = msgspec.field(default="", name="correlationid")
    causation_id: str = msgspec.field(default="", name="causationid")
    topic: str
    partition: int
    position: str
    published: datetime
    key: str | None = None
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET
    tombstone: bool = False
    encrypted: bool = False
    problem: str = ""
    masked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def event_json(event: Event, viewer: AccessProfile) -> bytes:
    """The event as one JSON object in UTF-8. Never raises, whatever the event holds."""
    form = _form(event, viewer)
    text = _text(form)
    return text if len(text) <= MOST_BYTES else _text(_bare(form))


def _text(form: _Form) -> bytes:
    try:
        return _encode(form)
    except UnicodeEncodeError:  # half of a surrogate pair, which no UTF-8 can hold
        return _encode(_without_surrogates(form))


def _bare(form: _Form) -> _Form:
    """Without all that has no bound, and saying so."""
    return msgspec.structs.replace(form, source="", key=None, attributes={}, data=UNSET, data_base64=UNSET, left_out=UNBOUNDED)


def _form(event: Event, viewer: AccessProfile) -> _Form:
    message = event.message
    place = message.position
    form = _Form(
        id=event.id,
        type=event.type,
        time=event.time,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        topic=place.topic,
        partition=place.partition,
        position=place.encode(),
        published=message.published,
        problem=event.problem,
    )
    if not event.problem:
        form.aggregate_type, form.aggregate_id = event.aggregate_type, event.aggregate_id
    _add_values(form, event, viewer)
    return form


def _add_values(form: _Form, event: Event, viewer: AccessProfile) -> None:
    """What not everybody may see. ``masked`` names what may be there and not whether it is: that would say something of it."""
    message = event.message
    key_path = "aggregate_id" if not event.problem and message.key == event.aggregate_id else "key"
    if viewer.sees_values or (message.key is not None and sees(key_path, viewer)):
        form.key = message.key
    if not viewer.sees_values:
        closed = ("source", "attributes", "data")
        form.masked = closed if form.key is not None else ("source", "key", "attributes", "data")
        return
    form.source = event.source
    form.attributes = {name: value for name, value in event.attributes.items() if name not in _TOLD}
    form.tombstone, form.encrypted = message.null, message.encrypted
    if message.null:
        return
    if not message.encrypted and _goes_in_as_it_is(event):
        form.data = Raw(event.data)
    else:
        form.data_base64 = base64.b64encode(event.data).decode("ascii")


def _goes_in_as_it_is(event: Event) -> bool:
    """Whether the payload is meant as JSON, and is JSON that every parser takes."""
    data, media = event.data, event.content_type.partition(";")[0].strip().lower()
    if media and not media.endswith(("/json", "+json")) and data[:1] not in (b"{", b"["):
        return False
    if len(data) > MOST_BYTES:  # it will be left out, whatever it is
        return False
    try:
        _parse(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return data.count(b"{") + data.count(b"[") <= DEEPEST or _depth(data) <= DEEPEST


def _depth(data: bytes) -> int:
    """How deep the brackets of this JSON go, those in texts left out.

    Only of what was parsed: where a text has no end, looking for one from every quotation mark takes the square of its length.
    """
    depth = deepest = 0
    for found in _TOKEN.finditer(data):
        depth += (found[1] is not None) - (found[2] is not None)
        deepest = max(deepest, depth)
    return deepest


def _without_surrogates(form: _Form) -> _Form:
    def mended(text: str) -> str:
        return _SURROGATE.sub("\ufffd", text)

    changes: dict[str, object] = {}
    for name in form.__struct_fields__:
        value = getattr(form, name)
        if isinstance(value, str):
            changes[name] = mended(value)
        elif isinstance(value, Mapping):
            changes[name] = {mended(key): mended(part) for key, part in value.items()}
    return msgspec.structs.replace(form, **changes)
