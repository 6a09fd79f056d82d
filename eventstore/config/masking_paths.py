"""Paths of masked values: ``data.person.name``, ``data.items[].id``, ``attributes.traceparent``, ``properties.*``, ``key``.

Both the paths of rules, which may hold wildcards, and those of values are parsed here, so that they mean the same.
"""

import json
import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple


class Wild(Enum):
    """What stands in a path for more than one name."""

    ANY = "*"
    """Any one field."""
    ELEMENT = "[]"
    """Any element of a list."""
    DEEP = "**"
    """Everything below, and the value itself."""


Parts = tuple[str | Wild, ...]

DATA, ATTRIBUTES, PROPERTIES = "data", "attributes", "properties"
OF_THE_MESSAGE = frozenset({"key", "size", "producer", "schema_version"})
"""Values of a message that have no name of their own."""
ALIASES = {
    "source": "source",
    "subject": "subject",
    "sequence": "sequence",
    "content_type": "datacontenttype",
    "dataschema": "dataschema",
}
"""Attributes that pages name without ``attributes.`` before them."""

_PART = re.compile(
    r"""\.(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<bare>[^\s.\[\]"*|&(){}!@,:'`?<>=\\]++)|(?P<wild>\*\*|\*))"""
    r"""|\[(?P<index>[0-9]{0,9}|\*)\]""",
    re.DOTALL,
)
"""Nothing that means more in JMESPath than a name, an index or all elements: ``data.a || b`` is no path of one value."""


class ValuePath(NamedTuple):
    """``head`` is ``data``, ``attributes``, ``properties`` or one of ``OF_THE_MESSAGE``; ``parts`` are what follows it. An
    attribute or a property has one part: its name."""

    head: str
    parts: Parts = ()


@lru_cache(maxsize=4096)
def value_path(text: str) -> ValuePath | None:
    """Return the path that this text names; ``None`` for anything else, such as an expression with a function."""
    if text in OF_THE_MESSAGE:
        return ValuePath(text)
    if text in ALIASES:
        return ValuePath(ATTRIBUTES, (ALIASES[text],))
    for head in (ATTRIBUTES, PROPERTIES):
        if text.startswith(f"{head}.") and len(text) > len(head) + 1:
            return ValuePath(head, (text[len(head) + 1 :],))
    parts = _data_parts(text)
    return None if parts is None else ValuePath(DATA, parts)


def _data_parts(text: str) -> Parts | None:
    if text != DATA and not text.startswith((f"{DATA}.", f"{DATA}[")):
        return None
    parts: list[str | Wild] = []
    place = len(DATA)
    while place < len(text):
        found = _PART.match(text, place)
        part = _part(found) if found else None
        if found is None or part is None:
            return None
        parts.append(part)
        place = found.end()
    return tuple(parts)


def _part(found: "re.Match[str]") -> str | Wild | None:
    if found["wild"]:
        return Wild(found["wild"])
    if found["index"] is not None:
        return Wild.ELEMENT
    if found["quoted"] is None:
        return found["bare"]
    try:
        return str(json.loads(f'"{found["quoted"]}"'))
    except ValueError:
        return None


def spelled(parts: Parts) -> str:
    """Return the path of a value of the payload as a rule writes it: ``data.items[].id``."""
    text = DATA
    for part in parts:
        if part is Wild.ELEMENT:
            text += "[]"
        else:
            text += f".{part.value if isinstance(part, Wild) else _name(part)}"
    return text


def _name(name: str) -> str:
    found = _PART.fullmatch(f".{name}")
    return name if found and found["bare"] else json.dumps(name, ensure_ascii=False)
