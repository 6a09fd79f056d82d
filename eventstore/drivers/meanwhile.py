"""Asking a store something while something else is asked of it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def meanwhile(call: Callable[[], T]) -> Callable[[], T]:
    """Begin the call in a thread of its own. What is returned waits for its end, and returns or raises as it does; it need not
    be called. The call must use no database: each thread has connections of its own."""
    found = Future[T]()

    def run() -> None:
        try:
            found.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits for the result gets it
            found.set_exception(error)

    threading.Thread(target=run, name="meanwhile", daemon=True).start()
    return found.result
