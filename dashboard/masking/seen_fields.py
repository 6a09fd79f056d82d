"""The fields that occur in events: where each is, of what kinds its values are, and what they may be. Never the values.

A field's path is a sequence of steps: ``("data", "people", "[]", "name")``. ``[]`` is any item of a list, ``*`` any name in an
object whose names are data themselves, such as an e-mail address for each entry.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dashboard.masking.personal_names import suggested_by
from dashboard.masking.personal_shapes import shape_of

ITEM, ANY = "[]", "*"
WHOLE_DATA = ("data",)
"""An event may have as many fields as it likes; objects in it are taken for lists by name."""
MOST_FIELDS = 400
"""Fields of a type. Whoever writes rules for more needs patterns, not a list."""
MOST_NAMES = 40
"""Names in one object. Where events have more, these are data, and the rule is about any of them."""
DEEPEST = 12
LONGEST_NAME = 60
MOST_ITEMS = 50
"""Items of a list that are looked at."""
MOST_OTHER = 0.2
"""The part of a field's values that may be shaped otherwise."""
_DATA_NAME = re.compile(r"[\d-]+|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9a-fA-F]{16,}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}\.\d{1,2}\.\d{4}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")

Steps = tuple[str, ...]


@dataclass(slots=True)
class Field:
    """What is known of one field. ``shapes`` counts the values by what they may be, ``""`` for nothing."""

    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Field") -> None:
        self.events += other.events
        self.kinds += other.kinds
        self.shapes += other.shapes

    @property
    def shape(self) -> str:
        """What nearly all of its values may be; empty if they differ, or look like nothing."""
        [(shape, most)] = self.shapes.most_common(1) or [("", 0)]
        return shape if most >= (1 - MOST_OTHER) * self.shapes.total() else ""


@dataclass
class SeenFields:
    """The fields of the events that were added. ``more``: there are fields that were left out."""

    today: date
    fields: dict[Steps, Field] = field(default_factory=dict)
    events: int = 0
    more: bool = False

    def add(self, parts: Mapping[Steps, Any]) -> None:
        """One event's parts by the beginning of their paths: its payload under ``("data",)``, its key under ``("key",)``."""
        self.events += 1
        here: dict[Steps, Field] = {}
        for begin, value in parts.items():
            for steps, found in _leaves(value, begin):
                self._count(here, steps, found)
        for steps, one in here.items():
            one.events = 1
            if steps in self.fields:
                self.fields[steps].add(one)
            elif len(self.fields) < MOST_FIELDS:
                self.fields[steps] = one
            else:
                self.more = True

    def _count(self, here: dict[Steps, Field], steps: Steps, value: Any) -> None:
        if len(here) >= MOST_FIELDS and steps not in here:
            self.more = True
            return
        one = here.setdefault(steps, Field())
        one.kinds[kind_of(value)] += 1
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            one.shapes[shape_of(value, self.today)] += 1

    def merged(self) -> dict[Steps, Field]:
        """The fields in order of their paths; the names of an object that has too many of them are one: ``*``."""
        merged: dict[Steps, Field] = {}
        crowded = _crowded(self.fields)
        for steps, one in self.fields.items():
            whole = merged.setdefault(_without_names(steps, crowded), Field())
            whole.add(one)
            whole.events = min(whole.events, self.events)
        return dict(sorted(merged.items()))


def kind_of(value: Any) -> str:
    """The kind of a JSON value in a word. A text that is a day or a time is called so."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return (
                "empty text"
                if not value
                else "date"
                if _DAY.fullmatch(value)
                else "time"
                if _TIME.fullmatch(value)
                else "text"
            )
        case list():
            return "list"
        case _:
            return "object"


def personal(steps: Steps, one: Field) -> tuple[str, str]:
    """What the field's name suggests that it is, and what the shape of its values does. Either may be empty."""
    named = [suggested_by(step) for step in steps[1:] if step not in (ITEM, ANY)]
    return next(filter(None, reversed(named)), ""), one.shape


def _leaves(value: Any, steps: Steps) -> Iterator[tuple[Steps, Any]]:
    """The values that hold no others, with their paths. What is nested too deeply is one value."""
    if len(steps) > DEEPEST or not isinstance(value, dict | list) or not value:
        yield steps, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*steps, ANY if _is_data(name) else name))
    else:
        for inner in value[:MOST_ITEMS]:
            yield from _leaves(inner, (*steps, ITEM))


def _is_data(name: str) -> bool:
    """Whether this name in an object is data itself: a number, an e-mail address, a long or strange text."""
    if len(name) > LONGEST_NAME or not name.isprintable() or any(sign.isspace() or sign in "@/" for sign in name):
        return True
    return name in ("", ITEM, ANY) or _DATA_NAME.fullmatch(name) is not None


def _crowded(all_steps: Iterable[Steps]) -> set[Steps]:
    """The beginnings of paths behind which there are too many different names."""
    names: dict[Steps, set[str]] = {}
    for steps in all_steps:
        for at in range(1, len(steps)):
            names.setdefault(steps[:at], set()).add(steps[at])
    return {begin for begin, found in names.items() if len(found) > MOST_NAMES and begin != WHOLE_DATA}


def _without_names(steps: Steps, crowded: set[Steps]) -> Steps:
    return tuple(ANY if steps[:at] in crowded and step != ITEM else step for at, step in enumerate(steps))
