"""Whole JSON values as somebody may see them."""

from typing import Any

from dashboard.privacy.plans import State
from dashboard.privacy.treatments import MASKED, Partial

DEEPEST = 50
"""Levels of a value that are shown. What lies deeper is hidden."""
SIMPLE = frozenset({str, int, float})
REST = "…"
"""The name of the field that stands for those that are hidden with their names."""


def masked_document(value: Any, state: State, *, marks: bool = True, depth: int = 0) -> Any:
    """The value with each hidden part replaced by ``MASKED``, others as their treatment shows them.

    Names of fields are hidden as well unless a rule spells them or shows what they hold. ``REST`` stands for all of these
    fields, whether there are any or not: an object does not tell. Of what nothing is shown, only a name is left that a rule
    spells. Without ``marks``, the result is plain JSON unless it is ``MASKED`` itself: what is hidden is left out, or null in
    a list.
    """
    if state.whole:
        return _cut(value, marks, depth) if _is_deeper(value, DEEPEST - depth) else value
    if state.dead or state.closed or depth > DEEPEST:
        return MASKED
    if isinstance(value, dict):
        return _object(value, state, marks, depth)
    if isinstance(value, list):
        return _list(value, state, marks, depth)
    return _simple(value, state, marks)


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether the value has objects or lists in each other for more levels than these."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels < 0 or any(_is_deeper(one, levels - 1) for one in inner if isinstance(one, dict | list))


def _cut(value: Any, marks: bool, depth: int) -> Any:
    """A value of which everything is shown, without what lies too deep."""
    if not isinstance(value, dict | list):
        return value
    if depth > DEEPEST:
        return MASKED
    if isinstance(value, dict):
        found = {name: _cut(one, marks, depth + 1) for name, one in value.items()}
        return found if marks else {name: one for name, one in found.items() if one is not MASKED}
    shown = [_cut(one, marks, depth + 1) for one in value]
    return shown if marks else [None if one is MASKED else one for one in shown]


def _simple(value: Any, state: State, marks: bool) -> Any:
    shown = state.treat(value)
    return shown if marks or not isinstance(shown, Partial) else str(shown)


def _object(value: dict[str, Any], state: State, marks: bool, depth: int) -> Any:
    shown: dict[str, Any] = {}
    tells = state.spelled
    fields, other = state.inside()
    simple = SIMPLE if depth < DEEPEST else ()
    for name, inner in value.items():
        inside = fields.get(name, other)
        if inside.dead:
            continue
        if type(inner) in simple:  # as ``masked_document`` does it, which a tail's busiest events would call too often
            found = _simple(inner, inside, marks)
        else:
            found = masked_document(inner, inside, marks=marks, depth=depth + 1)
        if found is not MASKED:
            shown[name] = found
            tells = tells or not inside.spelled or _tells(found)
        elif marks and inside.spelled:
            shown[name] = found
    if not tells:
        return MASKED
    if marks:
        shown[REST] = MASKED
    return shown


def _tells(shown: Any) -> bool:
    """Whether some value is shown in it."""
    return any(_tells(one) for one in shown.values()) if isinstance(shown, dict) else shown is not MASKED


def _list(value: list[Any], state: State, marks: bool, depth: int) -> Any:
    """The elements one by one. A list of which nothing is shown does not even tell its length."""
    element = state.element()
    if element.dead:
        shown = [MASKED if isinstance(one, dict | list) else _simple(one, state, marks) for one in value]
    else:
        shown = [masked_document(one, element, marks=marks, depth=depth + 1) for one in value]
    if all(one is MASKED for one in shown):
        return MASKED
    return shown if marks else [None if one is MASKED else one for one in shown]
