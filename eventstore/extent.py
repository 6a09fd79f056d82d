"""An extent of the store: some topics, and some types of aggregates. Whoever may see no more is answered out of it alone.

The index reads within the extent that was named by ``within``, in this context alone; nothing else in this half looks at it.
What all share, such as a cache, is never filled within one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar


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
