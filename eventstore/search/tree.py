"""A filter as a tree of terms, and how their results combine. The tree is never deep, because a filter's text is limited."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from eventstore.model.pointers import Pointer
from eventstore.search.eval_context import EvalContext

Answer = bool | None
"""``None`` is neither true nor false: the value could not be evaluated."""
X = TypeVar("X")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a term asks for, as it is written: whoever may not see a value may not filter by it.

    ``field`` is ``data``, ``property``, ``text``, or a name such as ``type``; ``path`` what follows ``data`` or ``property``.
    ``equality``: the value is compared as a whole, and not with a pattern, an order or an expression.
    """

    field: str
    path: tuple[str | int, ...] = ()
    operator: str = ":"
    value: str = ""
    equality: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One test of an event. ``on_pointer`` is ``None`` if only the message can decide.

    ``cost`` orders terms: cheap ones are tested first. ``since`` (included) and ``until`` (excluded) limit the time of every
    event that matches the term. ``known_as`` is the id that the term asks for, by which the index finds events directly.
    """

    on_event: Callable[[EvalContext], Answer]
    on_pointer: Callable[[Pointer], Answer] | None = None
    cost: int = 0
    since: datetime | None = None
    until: datetime | None = None
    known_as: str = ""
    asked: Asked = Asked(field="text")


@dataclass(frozen=True, slots=True)
class All:
    parts: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Tree"


Tree = Term | All | AnyOf | Not


def terms_of(tree: Tree) -> tuple[Term, ...]:
    """Return every term, in the order in which they were written."""
    if isinstance(tree, Term):
        return (tree,)
    if isinstance(tree, Not):
        return terms_of(tree.part)
    return tuple(term for part in tree.parts for term in terms_of(part))


def compiled(tree: Tree, leaf: Callable[[Term], Callable[[X], Answer]]) -> Callable[[X], Answer]:
    """Turn the tree into one function, cheap terms first. ``leaf`` chooses which of a term's tests is used."""
    if isinstance(tree, Term):
        return leaf(tree)
    if isinstance(tree, Not):
        return _negated(compiled(tree.part, leaf))
    tests = [compiled(part, leaf) for part in sorted(tree.parts, key=_cost)]
    return _all_of(tests) if isinstance(tree, All) else _any_of(tests)


def _cost(tree: Tree) -> int:
    return max(term.cost for term in terms_of(tree))


def _negated(test: Callable[[X], Answer]) -> Callable[[X], Answer]:
    def answer(asked: X) -> Answer:
        found = test(asked)
        return None if found is None else not found

    return answer


def _all_of(tests: Sequence[Callable[[X], Answer]]) -> Callable[[X], Answer]:
    def answer(asked: X) -> Answer:
        all_true: Answer = True
        for test in tests:
            found = test(asked)
            if found is False:
                return False
            if found is None:
                all_true = None
        return all_true

    return answer


def _any_of(tests: Sequence[Callable[[X], Answer]]) -> Callable[[X], Answer]:
    def answer(asked: X) -> Answer:
        none_true: Answer = False
        for test in tests:
            found = test(asked)
            if found is True:
                return True
            if found is None:
                none_true = None
        return none_true

    return answer
