"""A store whose readers fail as a test says."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from eventstore.drivers.database.log import DatabaseLog
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.model.log import Reader

SECRET = "patient 4711"


class Faulty(DatabaseLog):
    """The embedded store with partitions that cannot be read: they raise what ``fault`` returns."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[int] = set()
        self.fault: Callable[[], Exception] = lambda: StoreUnreachable("The store does not answer now.")
        self.opened = 0
        self.may_open, self.may_answer = threading.Event(), threading.Event()
        self.may_open.set()
        self.may_answer.set()
        self.answers = True
        self.waits: list[float] = []
        """How long readers were to wait for an event."""

    def open_reader(self, topic: str, partition: int, *, after: Any) -> Reader:
        self.opened += 1
        assert self.may_open.wait(30)
        self._fail_where_broken(partition)
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read

        def reading(*, limit: int, timeout: float) -> Sequence[Message]:
            self._fail_where_broken(partition)
            self.waits.append(timeout)
            return read(limit=limit, timeout=min(timeout, 0.02))

        reader.read = reading  # type: ignore[method-assign]
        return reader

    def ping(self) -> str:
        assert self.may_answer.wait(30)
        if not self.answers:
            raise StoreUnreachable("The store does not answer now.")
        return super().ping()

    def _fail_where_broken(self, partition: int) -> None:
        if partition in self.broken:
            raise self.fault()


def message(number: int, version: str = "") -> Message:
    return Message(
        position=Position(topic="documents", partition=0, token=f"{number:06d}"),
        payload=b"{}",
        published=datetime(2026, 1, 1, tzinfo=UTC),
        schema_version=version,
    )
