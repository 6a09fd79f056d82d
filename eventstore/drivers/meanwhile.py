"""Asking a store something while something else is asked of it, and nothing twice."""

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class _Answers:
    """What is asked within one ``asking_once``, by its key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Hashable, Future[Any]] = {}

    def of(self, key: Hashable, call: Callable[[], T]) -> T:
        mine = Future[T]()
        with self._lock:
            found = self._found.setdefault(key, mine)
        if found is mine:
            _settle(mine, call)
        answer: T = found.result()
        return answer


_answers: ContextVar[_Answers | None] = ContextVar("answers", default=None)


def meanwhile(call: Callable[[], T]) -> Callable[[], T]:
    """Begin the call in a thread of its own. What is returned waits for its end, and returns or raises as it does; it need not
    be called. The call must use no database: each thread has connections of its own."""
    found, context = Future[T](), copy_context()
    threading.Thread(target=context.run, args=(_settle, found, call), name="meanwhile", daemon=True).start()
    return found.result


@contextmanager
def asking_once() -> Iterator[None]:
    """In here, and in what is begun ``meanwhile`` in here, a driver asks a question of ``once`` once, whoever asks it: for
    somebody who looks at one thing from several sides, and changes nothing in between."""
    token = _answers.set(_Answers())
    try:
        yield
    finally:
        _answers.reset(token)


def once(key: Hashable, call: Callable[[], T]) -> T:
    """Return what the call returns, or what it has returned for this key within ``asking_once``; outside of that, make it."""
    answers = _answers.get()
    return call() if answers is None else answers.of(key, call)


def _settle(found: Future[T], call: Callable[[], T]) -> None:
    try:
        found.set_result(call())
    except BaseException as error:  # noqa: BLE001 - whatever it is, who waits for the result gets it
        found.set_exception(error)
