"""A field's name as it is written, taken apart: ``data.items[0]."odd name"`` into ``data`` and its path."""

import re

from eventstore.search.lexing import unquoted
from eventstore.search.limits import MOST_PATH_PARTS
from eventstore.search.problems import problem
from eventstore.search.values import Path

_PART = re.compile(r'(?:^|\.)(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<bare>[^.\[\]"]++))|\[(?P<index>[0-9]{1,6})\]', re.DOTALL)


def split_field(field: str, column: int) -> tuple[str, Path]:
    """The field's own name in small letters, and the path behind it; names of a path in quotes may hold any sign."""
    parts: list[str | int] = []
    place = 0
    while place < len(field):
        found = _PART.match(field, place)
        if not found:
            raise problem('expected a path such as data.user.email, data.items[0].id or data."odd name".x', column)
        if "*" in (found["bare"] or ""):
            raise problem("a path leads to one value: it takes no *, but for a name in quotes", column)
        parts.append(int(found["index"]) if found["index"] else _name(found))
        place = found.end()
    if len(parts) > MOST_PATH_PARTS + 1:
        raise problem(f"a path may have {MOST_PATH_PARTS} parts", column)
    first = parts[0] if parts else ""
    return (first.lower() if isinstance(first, str) else "", tuple(parts[1:]))


def _name(found: "re.Match[str]") -> str:
    return found["bare"] if found["quoted"] is None else unquoted(found["quoted"])
