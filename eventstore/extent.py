"""An extent of the store: some topics, and some types of aggregates. Whoever may see no more is answered out of it alone.

The index reads within the extent that was named by ``within``, in this context alone; nothing else in this half looks at it.
What all share, such as a cache, is never filled within one.

An answer, such as a page, is put together by several rooms, which ask the index for the same things. Within ``one_answer``,
what is marked as ``asked_once`` is asked of the database once for an extent.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Extent:
    """Some topics and some types of aggregates. An event without an aggregate is of its topic alone.

    ``every_type``: it has all types, so that none has to be looked at. What a reader has found out of it is kept with it:
    ``topics`` and ``types`` are the indexed topics' names and the numbers of the types in it. Made for one answer.
    """

    def __init__(
        self, has_topic: Callable[[str], bool], has_aggregate_type: Callable[[str], bool], *, every_type: bool = False
    ) -> None:
        self.has_topic, self._has_type, self.every_type = has_topic, has_aggregate_type, every_type
        self.topics: Sequence[str] | None = None
        self.types: Sequence[int] | None = None

    def has_aggregate_type(self, name: str) -> bool:
        return self.every_type or not name or self._has_type(name)


_now: ContextVar[Extent | None] = ContextVar("extent", default=None)


@contextmanager
def within(extent: Extent | None) -> Iterator[None]:
    """Let the index answer out of this extent alone; ``None``: out of everything again."""
    before = _now.set(extent)
    try:
        yield
    finally:
        _now.reset(before)


def extent_now() -> Extent | None:
    """The extent within which the index is asked now; ``None`` for everything."""
    return _now.get()


class _Answer:
    """What was found out for an answer, as long as it is being made: a thread that goes on after it asks again."""

    def __init__(self) -> None:
        self.found: dict[Any, Any] = {}
        self.done = False


_answer: ContextVar[_Answer | None] = ContextVar("answer", default=None)


@contextmanager
def one_answer() -> Iterator[None]:
    """Make an answer that only reads: within the block, in its context, nothing is asked twice. Within another answer, it is
    a part of that one."""
    whole = _answer.get()
    if whole is not None and not whole.done:
        yield
        return
    before = _answer.set(answer := _Answer())
    try:
        yield
    finally:
        answer.done = True
        _answer.reset(before)


def asked_once(question: Callable[P, T]) -> Callable[P, T]:
    """Decorate a question whose answer is the same for as long as a page takes. Whoever asks must not change what they get."""

    @wraps(question)
    def asked(*args: P.args, **named: P.kwargs) -> T:
        answer = _answer.get()
        if answer is None or answer.done:
            return question(*args, **named)
        key = (question, _now.get(), args, tuple(named.items()))
        if key not in answer.found:
            answer.found[key] = question(*args, **named)
        found: T = answer.found[key]
        return found

    return asked
