"""Where a key stands in a TOML text. The parser keeps no line numbers, and an error message needs one.

Only texts that ``tomllib`` has accepted come here, so that this module only has to find headers and the beginnings of
lines.
"""

import re
import tomllib
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_KEY = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEYS})\s*\]")
_PAIR = re.compile(rf"\s*({_KEYS})\s*=(.*)", re.DOTALL)
_ONE_KEY = re.compile(_KEY)
_MULTILINE = re.compile(r'"""|\'\'\'')


class KeyProblem(ValueError):
    """A configuration key that cannot be used: its path in the file, and what is expected there."""

    def __init__(self, path: KeyPath, expected: str) -> None:
        super().__init__(expected)
        self.path = path
        self.expected = expected


def line_of(text: str, path: KeyPath) -> int:
    """Return the line, from 1, of this key, or of the closest enclosing key that has one; 1 if none has."""
    places = dict(_places(text))
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return 1


def show_path(path: KeyPath) -> str:
    """Return the path for people: ``mapping[0].aggregate.pattern``. A key that contains a dot is quoted."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            shown += f".{name}" if shown else name
    return shown


def _places(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Yield every header and every key at the beginning of a line, with its line. A later line of the same path replaces
    an earlier."""
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    inside = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if inside:
            inside = _quote_after(line, inside)
            continue
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
            table = _numbered(table, counts)
            yield table, number
        elif pair := _PAIR.match(line):
            keys = _split(pair[1])
            for length in range(1, len(keys) + 1):
                yield table + keys[:length], number
            inside = _quote_after(pair[2], "")


def _numbered(table: tuple[str | int, ...], counts: dict[KeyPath, int]) -> KeyPath:
    """Put the number of the latest ``a`` into the path: ``[[a]]`` and the ``[a.b]`` after it belong to it."""
    path: list[str | int] = []
    for length, part in enumerate(table, start=1):
        path.append(part)
        if table[:length] in counts:
            path.append(counts[table[:length]])
    return tuple(path)


def _split(keys: str) -> tuple[str | int, ...]:
    return tuple(_plain(key) for key in _ONE_KEY.findall(keys))


def _plain(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])


def _quote_after(text: str, inside: str) -> str:
    """Return the kind of multi-line string that is still open at the end of this line; empty for none."""
    for quote in _MULTILINE.findall(text):
        if not inside:
            inside = quote
        elif quote == inside:
            inside = ""
    return inside
