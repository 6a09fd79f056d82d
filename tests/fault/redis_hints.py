"""A process that changes something and one that listens, by one Redis."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dashboard.hints.address import redis_of
from dashboard.hints.carrier import Carrier
from dashboard.hints.standing import Standing

WITHIN = 60.0


def wait(true: Callable[[], object]) -> None:
    end = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


class Two:
    """``heard`` has one for each hint that came."""

    def __init__(self, host: Any) -> None:
        self.heard: list[int] = []
        self.listens = Carrier(host, lambda: self.heard.append(1))
        self.changes = Carrier(host)

    def stand(self, standing: Standing) -> bool:
        return self.listens.seen.standing is standing

    def hint_comes(self) -> None:
        """Say again until it comes: what is said while nobody listens is lost."""
        self.heard.clear()
        wait(self._said_and_heard)

    def _said_and_heard(self) -> bool:
        self.changes.send()
        time.sleep(0.05)
        return bool(self.heard)


@contextmanager
def two(url: str, **given: Any) -> Iterator[Two]:
    both = Two({**redis_of(url), **given})
    with ExitStack() as ends:
        ends.callback(both.listens.close)
        ends.callback(both.changes.close)
        yield both
