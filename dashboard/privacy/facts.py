"""Facts about an event, each a name and a value, masked for their reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from dashboard.privacy.masking import display_value, sees_name
from dashboard.privacy.profiles import AccessProfile, Origin
from dashboard.privacy.treatments import DisplayValue, Masked
from eventstore.model import STORES_PROPERTIES

LONGEST_VALUE = 4_000
HIDDEN = "hidden from your role"
STORED_AS_HASH = "kept as a hash"
STORES_WORDS = {"__MSG_PROP_REPL_SOURCE_POSITION": "Position where it was first published"}
_CORE_ATTRIBUTES = frozenset({"source", "subject", "datacontenttype", "dataschema", "sequence"})
"""Attributes whose names alone tell nothing about anybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A name and a value, either of which may be masked. ``copy`` is the text of the copy button, if there is one.

    ``note`` says what it means; ``url`` is where the value leads, on another system.
    """

    name: DisplayValue
    value: DisplayValue
    copy: str = ""
    note: str = ""
    url: str = ""


def attribute_facts(attributes: Mapping[str, str], profile: AccessProfile, origin: Origin | None = None) -> list[Fact]:
    """The CloudEvents attributes as published. The names of extensions are masked like values."""
    names = [
        name for name in sorted(attributes) if name in _CORE_ATTRIBUTES or sees_name(f"attributes.{name}", profile, origin)
    ]
    facts = [one_fact(name, attributes[name], f"attributes.{name}", profile, origin) for name in names]
    return facts if len(names) == len(attributes) else [*facts, Fact(name="other attributes", value=HIDDEN)]


def property_facts(properties: Mapping[str, str], profile: AccessProfile, origin: Origin | None = None) -> list[Fact]:
    """The message's properties, and that there are others, if some are hidden with their names."""
    names = [name for name in sorted(properties) if not name.startswith(STORES_PROPERTIES)]
    seen = [name for name in names if sees_name(f"properties.{name}", profile, origin)]
    facts = [one_fact(name, properties[name], f"properties.{name}", profile, origin) for name in seen]
    if len(seen) == len(names):
        return facts
    return [*facts, Fact(name="other names and values" if seen else "names and values", value=HIDDEN)]


def store_facts(properties: Mapping[str, str], profile: AccessProfile, origin: Origin | None = None) -> list[Fact]:
    """The properties that the store has added to the message by itself, under plain names where these are known."""
    return [
        one_fact(STORES_WORDS.get(name, name), properties[name], f"properties.{name}", profile, origin)
        for name in sorted(properties)
        if name.startswith(STORES_PROPERTIES)
    ]


def value_facts(values: Sequence[tuple[str, str]], profile: AccessProfile, origin: Origin | None = None) -> list[Fact]:
    """The values of the payload that the index stores.

    A value that is masked is left out with its name, because even that tells something. A hash is never shown: somebody with
    the key could compare it with guesses.
    """
    declared = {searchable.name: searchable for searchable in settings.EVENTDESK.searchables}
    facts = []
    for name, text in values:
        one = declared.get(name)
        path = ".".join(("data", *one.plain_path)) if one is not None and one.plain_path else "data"
        shown = display_value(text, path, profile, origin)
        if not isinstance(shown, Masked):
            facts.append(Fact(name=name, value=shown if one is not None and not one.hashed else STORED_AS_HASH))
    return facts


def one_fact(name: str, value: str, path: str, profile: AccessProfile, origin: Origin | None) -> Fact:
    text = display_value(value, path, profile, origin)
    if isinstance(text, str) and len(text) > LONGEST_VALUE:
        return Fact(name=name, value=f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)")
    return Fact(name=name, value=text)
