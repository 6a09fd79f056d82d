"""A topic to be searched, and searches of it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstore.drivers.database.models import MessageRow
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.envelope import read_event
from eventstore.model.events import Event, Message, NewMessage, Topic
from eventstore.scanning.progress import ScanProgress
from eventstore.scanning.scan import Scan, ScanLimits, ScanRequest
from eventstore.search import parse_filter

START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 60.0


def publish(log: UnfoldedLog, count: int, *, partitions: int = 1, start: int = 0, payload: bytes = b'{"n": %d}') -> Topic:
    """Publish events of this many aggregates, a second apart, with their numbers as payloads."""
    topic = log.create_topic("patients", partitions=partitions)
    messages = [message(number, payload % number if b"%d" in payload else payload) for number in range(start, start + count)]
    log.append("patients", messages)
    for row in MessageRow.objects.filter(published__gt=START + timedelta(days=200)):
        number = int(row.properties.split('"ce_id":')[1].split('"')[1].removeprefix("e-"))
        MessageRow.objects.filter(pk=row.pk).update(published=START + timedelta(seconds=number))
    return topic


def message(number: int, payload: bytes) -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "patient.even" if number % 2 == 0 else "patient.odd",
        "ce_source": "/tests",
        "ce_time": (START + timedelta(seconds=number)).isoformat(),
        "ce_aggregatetype": "patient",
        "ce_aggregateid": f"p-{number % 7}",
    }
    return NewMessage(payload=payload, key=f"p-{number % 7}", properties=properties)


def scan_of(log: Any, topic: Topic, text: str, *, limits: ScanLimits | None = None, **request: Any) -> Scan[str]:
    def keep(event: Event) -> str:
        return event.id

    def read(message: Message) -> Event:
        return read_event(message, ())

    asked = ScanRequest(topic=topic, filter=parse_filter(text), **request)
    return Scan(log, asked, read=read, keep=keep, limits=limits)


def ended(scan: Scan[str]) -> ScanProgress:
    scan.start()
    scan.join(LONG)
    assert not scan.running
    return scan.progress()


def ids(*numbers: int) -> list[str]:
    return [f"e-{number}" for number in numbers]


class Held:
    """A log that reads on only when told to: ``let`` this many reads pass."""

    def __init__(self, log: UnfoldedLog) -> None:
        self._log = log
        self._allowed = threading.Semaphore(0)
        self.reads = 0

    def let(self, reads: int = 1) -> None:
        for _ in range(reads):
            self._allowed.release()

    def read_backward(self, *args: Any, **names: Any) -> Sequence[Message]:
        assert self._allowed.acquire(timeout=LONG)
        self.reads += 1
        return self._log.read_backward(*args, **names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@contextmanager
def held(log: UnfoldedLog) -> Iterator[Held]:
    """Whatever a test leaves waiting is released at its end."""
    it = Held(log)
    try:
        yield it
    finally:
        it.let(1_000)


class _With:
    """A log with some calls replaced."""

    def __init__(self, log: Any, **instead: Any) -> None:
        self._log, self._instead = log, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._log, name)
