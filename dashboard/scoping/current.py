"""Who is answered now, as far as scopes go: set for a request by the middleware, and for each work of a socket."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property

from dashboard.access.scopes import Scope


class Viewer:
    """Somebody who is answered. Their scope is looked up once, when something of the store is asked for."""

    def __init__(self, scope_of: Callable[[], Scope]) -> None:
        self._scope_of = scope_of
        self.narrowed: object = None
        """What ``dashboard.gateway`` has made for this viewer."""

    @cached_property
    def scope(self) -> Scope:
        return self._scope_of()


_now: ContextVar[Viewer | None] = ContextVar("viewer", default=None)


@contextmanager
def answering(scope_of: Callable[[], Scope]) -> Iterator[None]:
    """Answer somebody with this scope: within the block, in its context, ``gateway.desk`` has nothing outside of it."""
    before = _now.set(Viewer(scope_of))
    try:
        yield
    finally:
        _now.reset(before)


@contextmanager
def answering_nobody() -> Iterator[None]:
    """Work for all, such as on a cache that they share: ``gateway.desk`` has everything."""
    before = _now.set(None)
    try:
        yield
    finally:
        _now.reset(before)


def viewer_now() -> Viewer | None:
    """Who is answered now; ``None`` for work that is done for nobody in particular, as in commands and threads."""
    return _now.get()
