"""Calls in a thread with database connections of its own, as another process would make them."""

import threading
from collections.abc import Callable

from django.db import connections


def elsewhere(call: Callable[[], object]) -> None:
    """Run it in a thread, with a connection of its own."""

    def run() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
