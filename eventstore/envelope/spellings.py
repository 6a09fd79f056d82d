"""CloudEvents attributes among a message's properties, however the producer spells their prefix.

Each protocol binding of CloudEvents 1.0 has a prefix of its own, and a message that passes a bridge keeps it: ``ce_`` (Kafka),
``ce-`` (HTTP and NATS, and Spring Cloud Function), ``cloudEvents_`` and ``cloudEvents:`` (AMQP and JMS). Case does not matter:
bridges change it, and names of attributes are in small letters by definition.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from eventstore.envelope.times import Clock, Unit, clock_of_unit, read_time

FORMS = ("ce_", "ce-", "cloudEvents_", "cloudEvents:")
"""The prefixes. If a message has several sets of attributes, the first complete one counts, in this order."""

SPRING_TYPES = "spring_json_header_types"
"""Names the properties whose values are JSON, as a JSON object of names and Java classes.

``JsonPulsarHeaderMapper`` of Spring for Apache Pulsar writes it, and so does Spring for Apache Kafka. A source that is a
``URI`` in Java is ``"/orders"`` there, quotation marks included.
"""

UNUSUAL = frozenset({"ce-id", "CE_ID", "cloudEvents_id", "cloudEvents:id", SPRING_TYPES})
"""Properties which show that ``ce_id`` and its like, as they are written, are not the whole story. Few: each event asks for
all of them.
"""

_CLAIMS = ("id", "type", "specversion")
_REQUIRED = ("id", "type", "source", "specversion")
_parts = re.compile(r"(ce[_-]|cloudevents[_:])(.*)", re.IGNORECASE | re.DOTALL).fullmatch
_FOLDED = {form.lower(): form for form in FORMS}
_JSON_TEXT = msgspec.json.Decoder(str)
_JSON_NAMES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OF_AMQP = ("cloudEvents_", "cloudEvents:")
_MILLISECONDS, _SECONDS = clock_of_unit(Unit.MILLISECONDS), clock_of_unit(Unit.SECONDS)
_MOST_NAMES = 100_000
"""Characters of the list of JSON properties that are read."""


class Spelling(Struct, frozen=True, kw_only=True, gc=False):
    """The set of attributes that counts.

    - ``form``: its prefix, one of ``FORMS``.
    - ``attributes``: by name in small letters, without the prefix.
    - ``clock``: reads its ``time``.
    - ``note``: what else the properties say, if they contradict themselves; otherwise empty.
    """

    form: str
    attributes: Mapping[str, str]
    clock: Clock = read_time
    note: str = ""

    @property
    def complete(self) -> bool:
        """Whether every attribute is there that CloudEvents requires."""
        return all(self.attributes.get(name) for name in _REQUIRED)


def spelling_of(properties: Mapping[str, str]) -> Spelling | None:
    """Return the attributes that count; ``None`` if no property claims to be the id, type or specversion of a CloudEvent."""
    names = [name for name in properties if name[:1] in ("c", "C") and _parts(name)]
    if not names:
        return None
    sets, doubled = _sets(sorted(names), properties)
    claims = [form for form in FORMS if any(name in sets.get(form, ()) for name in _CLAIMS)]
    if not claims:
        return None
    json_names = _json_names(properties.get(SPRING_TYPES, ""))
    read = [
        Spelling(form=form, attributes=_plain(form, sets[form], json_names), clock=_clock(form, json_names)) for form in claims
    ]
    chosen = next((spelling for spelling in read if spelling.complete), read[0])
    note = _note(chosen, [spelling for spelling in read if spelling is not chosen], chosen.form in doubled)
    return msgspec.structs.replace(chosen, note=note) if note else chosen


def _sets(names: Sequence[str], properties: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Return the attributes by form, and the forms that spell an attribute in two ways with two values.

    The names are sorted, so that of two spellings the one in small letters comes last, and counts.
    """
    sets: dict[str, dict[str, str]] = {}
    doubled: set[str] = set()
    for name in names:
        found = _parts(name)
        assert found is not None
        form, attribute, value = _FOLDED[found[1].lower()], found[2].lower(), properties[name]
        attributes = sets.setdefault(form, {})
        if attributes.setdefault(attribute, value) != value:
            doubled.add(form)
        attributes[attribute] = value
    return sets, doubled


def unquoted(text: str) -> str:
    r"""Return the text that this JSON string holds (``"a\/b"`` is ``a/b``); the text itself if it is not a JSON string."""
    if len(text) < 2 or not text.startswith('"') or not text.endswith('"'):
        return text
    try:
        return _JSON_TEXT.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text


def _plain(form: str, attributes: Mapping[str, str], json_names: frozenset[str]) -> Mapping[str, str]:
    """Return the attributes with JSON texts undone: all of them if ``specversion`` is one, otherwise the declared ones."""
    every = attributes.get("specversion", "")[:1] == '"'
    plain: dict[str, str] = {}
    for name, value in attributes.items():
        if not every and f"{form}{name}".lower() not in json_names:
            plain[name] = value
        elif value != "null":  # a null attribute is one that is not set
            plain[name] = unquoted(value)
    return plain


def _clock(form: str, json_names: frozenset[str]) -> Clock:
    """Return the clock for a time in this form. A time in RFC 3339 is read by each.

    AMQP's own timestamps count milliseconds, and so do the properties that its binding makes of an event's time. Jackson,
    which writes Spring's JSON values, makes seconds with a fraction of a time.
    """
    if form in _OF_AMQP:
        return _MILLISECONDS
    return _SECONDS if f"{form}time".lower() in json_names else read_time


def _json_names(declared: str) -> frozenset[str]:
    """Return the names of the properties that Spring declares as JSON, in small letters."""
    if not declared or len(declared) > _MOST_NAMES:
        return frozenset()
    try:
        return frozenset(name.lower() for name in _JSON_NAMES.decode(declared))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return frozenset()


def _note(chosen: Spelling, others: Iterable[Spelling], doubled: bool) -> str:
    if doubled:
        return f"Attributes with {chosen.form} are spelled in two ways that differ: those in small letters count."
    for other in others:
        both = chosen.attributes.keys() & other.attributes.keys()
        if any(chosen.attributes[name] != other.attributes[name] for name in both):
            counts = f"the one with {chosen.form} counts, not the one with {other.form}"
            return f"The properties hold two envelopes that differ: {counts}."
    return ""
