"""Story lines: one template for an event type. It is parsed once, and its values are filled in by code that may show them.

``Document uploaded by {data.uploadedBy}`` is text and placeholders. A placeholder is ``{data.…}``, a JMESPath expression into
the payload, or ``{name}``, a CloudEvents attribute; ``{{`` and ``}}`` are braces. Nothing is evaluated here: the page puts the
parts together, because each value must be masked on its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

_PIECES = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9]*")


class InvalidStory(ValueError):
    """A template cannot be used. The text says what is expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """A value to be filled in. ``path`` is as written (``data.a.b[0]`` or ``subject``), and is also the path for masking.

    ``expression`` finds the value in the payload: ``expression.search(payload)``, which may raise ``JMESPathError``. It is
    ``None`` if ``path`` names an attribute.
    """

    path: str
    expression: ParsedResult | None = field(default=None, compare=False, repr=False)


StoryParts = tuple[str | Placeholder, ...]


def story_parts(template: str) -> StoryParts:
    """Parse the template into texts and placeholders, in order. Raises ``InvalidStory``, which says what is wrong."""
    parts: list[str | Placeholder] = []
    for piece in _PIECES.findall(template):
        if piece in ("{{", "}}"):
            _add_text(parts, piece[0])
        elif piece in ("{", "}"):
            raise InvalidStory(f"a {piece} stands alone: write {piece}{piece} for the sign itself, {{data.name}} for a value")
        elif piece.startswith("{"):
            parts.append(_placeholder(piece[1:-1].strip()))
        else:
            _add_text(parts, piece)
    return tuple(parts)


def story_for(stories: Mapping[str, StoryParts], event_type: str) -> StoryParts | None:
    """Return the story of exactly this type, or else of the first pattern (in the file's order) that matches; ``None`` if
    there is none.
    """
    if event_type in stories:
        return stories[event_type]
    return next((parts for pattern, parts in stories.items() if fnmatchcase(event_type, pattern)), None)


def _add_text(parts: list[str | Placeholder], text: str) -> None:
    last = parts[-1] if parts else None
    if isinstance(last, str):
        parts[-1] = last + text
    else:
        parts.append(text)


def _placeholder(path: str) -> Placeholder:
    if path.startswith(("data.", "data[")):
        return Placeholder(path=path, expression=_expression(path))
    if path == "data":
        raise InvalidStory("{data} is the whole payload: name a value in it, such as {data.name}")
    if not _ATTRIBUTE.fullmatch(path):
        raise InvalidStory("between { and } stands data.… or the name of a CloudEvents attribute (small letters and digits)")
    return Placeholder(path=path)


def _expression(path: str) -> ParsedResult:
    inner = path.removeprefix("data").removeprefix(".")
    try:
        return jmespath.compile(inner)
    except (JMESPathError, RecursionError) as error:
        raise InvalidStory(
            f"{{{path}}} is not a JMESPath expression after data: try {{data.name}} or {{data.list[0]}}"
        ) from error
