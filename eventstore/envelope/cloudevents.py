"""Read CloudEvents 1.0 from a message: in binary mode (attributes as properties) and as structured JSON."""

from abc import ABCMeta
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from msgspec import Raw, Struct
from msgspec.structs import replace

from eventstore.envelope.connect import key_text
from eventstore.envelope.contents import SIGNS, opened
from eventstore.envelope.documents import batch_members, split_document
from eventstore.envelope.mapping import last_segment
from eventstore.envelope.parts import NO_KEY, Incomplete, Misfit, problem_of, readable, required_problem, time_or_stand_in
from eventstore.envelope.spellings import UNUSUAL, spelling_of, unquoted
from eventstore.envelope.times import Clock, read_time
from eventstore.model.events import Event, Message, Recoded

PREFIX = "ce_"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ONE_MEMBER = "This event is the only member of a batch of CloudEvents."
DECLARED = "it is declared as {}, but of its payload"
MEMBER = "it is member {} of {} in a batch of CloudEvents, but of this member"
_ATTRIBUTES = (
    "id", "type", "source", "specversion", "aggregatetype", "aggregateid", "correlationid", "correlation_id",
    "causationid", "causation_id", "sequence", "time", "subject",
)  # fmt: skip
_AS_PROPERTIES = tuple(PREFIX + name for name in _ATTRIBUTES)
_PARTS = ("id", "type", "aggregate type", "aggregate id", "correlation id", "causation id", "sequence")
_CONTENT_TYPES = ("content-type", "Content-Type", "contentType", "content_type")
_TELLING = UNUSUAL.union(_CONTENT_TYPES)
"""Properties beside the usual ones that say how a CloudEvent in binary mode is to be read."""


def read_binary(message: Message) -> Event | None:
    """Read a message in binary mode, whose payload is only the data; ``None`` if no property claims to be an attribute.

    Raises ``Misfit`` if it is not an event, and ``Incomplete`` if its properties, in a spelling that only resembles the
    usual one, lack a required attribute: they may mean something else.
    """
    properties = message.properties
    plain = _TELLING.isdisjoint(properties)  # nearly every event: one look at all names
    if "ce_id" in properties and properties.get("ce_specversion") == "1.0" and (plain or UNUSUAL.isdisjoint(properties)):
        content_type = properties.get("ce_datacontenttype") or ("" if plain else declared_type(message))
        data, attributes = message.payload, BinaryAttributes(properties)
        if data[:1] not in SIGNS and ";" not in content_type:  # nearly every event: one call less
            return _event(message, properties, _AS_PROPERTIES, attributes, data, content_type)
        data, recoded = opened(message, content_type)
        return _event(message, properties, _AS_PROPERTIES, attributes, data, content_type, recoded)
    found = spelling_of(properties)
    if found is None:
        return None
    if found.form != PREFIX and not found.complete:
        raise Incomplete(required_problem(found.attributes))
    content_type = found.attributes.get("datacontenttype") or declared_type(message)
    data, recoded = opened(message, content_type)
    event = _event(message, found.attributes, _ATTRIBUTES, found.attributes, data, content_type, recoded, found.clock)
    return replace(event, notes=(found.note, *event.notes)) if found.note else event


class _StructMapping(type(Struct), ABCMeta):  # type: ignore[misc]  # msgspec tells no type for its own metaclass
    """Of a struct that is a mapping."""


class BinaryAttributes(Mapping[str, str], Struct, frozen=True, eq=False, gc=False, metaclass=_StructMapping):
    """The attributes among a message's properties, without their prefix.

    Most events are only indexed. Copying the attributes into a dictionary that is never read took a quarter of the time of
    reading an event. A struct is made in a fifth of the time of an object, and the collector of cycles does not look at it:
    a tail keeps tens of thousands.
    """

    _properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self._properties[PREFIX + name]

    def __iter__(self) -> Iterator[str]:
        return (name[len(PREFIX) :] for name in self._properties if name.startswith(PREFIX))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> ItemsView[str, str]:
        """Return all items in one go. The inherited method looks each value up again, which took a tenth of a busy
        tail's time.
        """
        start = len(PREFIX)
        return {name[start:]: value for name, value in self._properties.items() if name.startswith(PREFIX)}.items()

    def without(self, names: frozenset[str]) -> dict[str, str]:
        """Return the attributes that have none of these names, in one go: mostly very few."""
        others, start = _as_properties(names), len(PREFIX)
        found = [(name, value) for name, value in self._properties.items() if name not in others]
        return {name[start:]: value for name, value in found if name.startswith(PREFIX)}

    def __repr__(self) -> str:
        return repr(dict(self))


@lru_cache(maxsize=8)
def _as_properties(names: frozenset[str]) -> frozenset[str]:
    return frozenset(PREFIX + name for name in names)


def attributes_without(attributes: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """Return those of an event's attributes that have none of these names, of which a program has few sets."""
    if isinstance(attributes, BinaryAttributes):
        return attributes.without(names)
    return {name: value for name, value in attributes.items() if name not in names}


def read_structured(message: Message) -> Event | None:
    """Read a message whose payload is a whole CloudEvent as JSON; return ``None`` if it does not look like one.

    A payload that looks like one but is not declared as such is left to the topic's mapping if it is not an event.
    """
    if member := message.member:
        return _read_document(message, message.payload, MEMBER.format(member.number, member.count))
    whole = declared_type(message)
    declared = media_type(whole)
    payload, recoded = opened(message, whole)
    if declared == STRUCTURED:
        return _read_document(message, payload, DECLARED.format(STRUCTURED))
    if declared == BATCH:
        return _read_batch(message, payload, recoded)
    if b'"specversion"' not in payload or not payload.lstrip(b" \t\r\n").startswith(b"{"):
        return None
    return _read_undeclared(message, payload)


def _read_undeclared(message: Message, payload: bytes) -> Event | None:
    try:
        attributes, data, content_type = split_document(payload)
    except Misfit:
        return None
    if not all(attributes.get(name) for name in ("specversion", "id", "source", "type")):
        return None
    return _event(message, attributes, _ATTRIBUTES, attributes, data, content_type)


def declared_type(message: Message) -> str:
    """Return the content type that the message's own properties declare; empty if they declare none."""
    properties = message.properties
    for name in _CONTENT_TYPES:
        if name in properties:
            return unquoted(properties[name])
    return ""


def media_type(content_type: str) -> str:
    """Return the content type in small letters, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def batch_in(message: Message) -> tuple[Sequence[Raw], str]:
    """Return the documents of the several events that this message holds as a batch, and what was done to unpack them.

    Returns none for everything else: a message that is one event by its properties, a batch of one, and a list that cannot be
    taken apart, which ``read_structured`` refuses with the reason.
    """
    declared = declared_type(message)
    is_whole = not (message.encrypted or message.problem or message.member)
    if media_type(declared) == BATCH and is_whole and spelling_of(message.properties) is None:
        payload, recoded = opened(message, declared)
        with suppress(Misfit):
            members = _members(payload, recoded)
            if len(members) > 1:
                return members, recoded.words if recoded else ""
    return (), ""


def _members(payload: bytes, recoded: Recoded | None) -> Sequence[Raw]:
    if recoded is not None and recoded.cut:
        raise Misfit("it is gzip and holds more than may be unpacked")
    return batch_members(payload)


def _read_document(message: Message, document: bytes, what: str) -> Event:
    """Read a whole CloudEvent. ``what`` begins the reason if it is none."""
    try:
        attributes, data, content_type = split_document(document)
    except Misfit as misfit:
        raise Misfit(f"{what}: {misfit}") from misfit
    return _event(message, attributes, _ATTRIBUTES, attributes, data, content_type)


def _read_batch(message: Message, payload: bytes, recoded: Recoded | None) -> Event:
    """Read a batch that was not taken apart into its members (``batch_in``). A batch of one is its event."""
    try:
        members = _members(payload, recoded)
    except Misfit as misfit:
        raise Misfit(f"{DECLARED.format(BATCH)}: {misfit}") from misfit
    if len(members) != 1:
        count = f"{len(members):,}" if members else "no"
        raise Misfit(f"it is a batch of {count} CloudEvents in one message, where one event a message can be read")
    event = _read_document(message, bytes(members[0]), DECLARED.format(BATCH))
    return replace(event, notes=(ONE_MEMBER, *event.notes))


def _event(
    message: Message,
    written: Mapping[str, str],
    names: Sequence[str],
    attributes: Mapping[str, str],
    data: bytes,
    content_type: str,
    recoded: Recoded | None = None,
    clock: Clock = read_time,
) -> Event:
    """Make the event from the attributes in ``written``, whose ``names`` are in the order of ``_ATTRIBUTES``.

    Every indexed event passes here. Making the names anew for each one took a fifth of the time of reading it.
    """
    (
        of_id, of_type, of_source, of_version, of_aggregate_type, of_aggregate_id, of_correlation, of_correlation_,
        of_causation, of_causation_, of_sequence, of_time, of_subject,
    ) = names  # fmt: skip
    get = written.get
    id, type, source = get(of_id), get(of_type), get(of_source)
    if not (id and type and source and get(of_version) == "1.0"):
        raise Misfit(required_problem(attributes))
    aggregate_type = get(of_aggregate_type) or last_segment(message.position.topic)
    aggregate_id = get(of_aggregate_id) or (key_text(message.key) if message.key else readable(message.ordering_key))
    if not (aggregate_id and aggregate_type):
        raise Misfit(_aggregate_problem(aggregate_id))
    correlation_id = get(of_correlation) or get(of_correlation_, "")
    causation_id = get(of_causation) or get(of_causation_, "")
    sequence = get(of_sequence, "")
    texts = (id, type, aggregate_type, aggregate_id, correlation_id, causation_id, sequence)
    if problem := problem_of(_PARTS, texts):
        raise Misfit(problem)
    time, notes = time_or_stand_in(get(of_time, ""), message, clock)
    notes = notes if message.key or get(of_aggregate_id) else (NO_KEY, *notes)
    event = Event(
        message=message, id=id, type=type, source=source, subject=get(of_subject, ""), time=time, content_type=content_type,
        data=data, aggregate_type=aggregate_type, aggregate_id=aggregate_id, correlation_id=correlation_id,
        causation_id=causation_id, sequence=sequence, attributes=attributes, notes=notes,
    )  # fmt: skip
    return replace(event, recoded=recoded) if recoded else event  # one name more in the call above takes 1.4 µs


def _aggregate_problem(aggregate_id: str | None) -> str:
    """Return which part of the aggregate neither an attribute nor the message itself names."""
    return "it has neither aggregatetype nor a topic with a name" if aggregate_id else "it has neither aggregateid nor a key"
