"""What is on its way at once: copies of a share's events in order, and what of them needs no copy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eventstore.copying import BYTES, BytesKeys
from eventstore.model.copying import Copy, Copying
from eventstore.model.events import Message
from eventstore.model.log import Log
from eventstore.replays.order import mark_of
from eventstore.replays.sending.arrived import Arrived
from eventstore.replays.sending.portions import Portion, properties_of

MOST_BYTES = 16_000_000
"""Payload bytes of a window, after which it ends."""
MOST_LOOKED_AT = 5_000
"""Messages of which none may pass the filter, after which a window ends so that the share gets on."""
MOST_KEYS = 20
"""Keys of which the store is asked whether they were set as bytes."""


@dataclass(kw_only=True, slots=True)
class Window:
    """``last``: the token of the last message that was looked at. ``sent`` counts the events of ``copies`` and those whose
    copies have arrived before. ``failures``: marks, reasons and numbers of events that cannot be copied."""

    copies: list[Copy] = field(default_factory=list)
    last: str = ""
    looked: int = 0
    size: int = 0
    sent: int = 0
    skipped: int = 0
    failures: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def events(self) -> int:
        return self.sent + self.skipped + sum(events for _, _, events in self.failures)


class Most(NamedTuple):
    """What a window holds at most, until its last message: so many copies, and so many events in them unless ``None``."""

    copies: int
    events: int | None = None

    def is_reached(self, window: Window) -> bool:
        many = bool(window.copies) and self.events is not None and window.sent >= self.events
        return many or len(window.copies) >= self.copies or window.size >= MOST_BYTES or window.looked >= MOST_LOOKED_AT


@dataclass(frozen=True, kw_only=True)
class Copier:
    """Makes copies of portions. ``partition`` is the target's. ``all_here``: everything of this source has arrived before.
    ``arrived_up_to``: the token in the source up to which everything has. ``none_here``: nothing of this source has."""

    job: str
    partition: int
    copying: Copying
    keys: BytesKeys
    schema_problem: Callable[[str], str]
    there: Arrived
    all_here: bool
    arrived_up_to: str
    none_here: bool

    def has_arrived(self, message: Message) -> bool:
        if self.all_here or message.position.token <= self.arrived_up_to:
            return True
        return bool(self.there.marks) and mark_of(message.position) in self.there.marks

    def more_has_arrived(self, window: Window) -> bool:
        """Whether copies of events behind this window may have arrived before."""
        if self.all_here or self.none_here or not self.there.marks:
            return self.all_here
        return not window.copies and (not self.arrived_up_to or window.last < self.arrived_up_to)

    def refusal(self, message: Message) -> str:
        problem = self.copying.refusal(message, acknowledged=False) or self.schema_problem(message.schema_version)
        return problem or (BYTES if self.keys.has(message) else "")

    def add(self, window: Window, portion: Portion) -> None:
        message = portion.message
        window.last = message.position.token
        window.looked += 1
        window.skipped += portion.skipped
        if portion.failed:
            window.failures.append((mark_of(message.position), portion.problem, portion.failed))
        if portion.copy is None:
            return
        if self.has_arrived(message):
            window.sent += portion.events
        elif problem := self.refusal(message):
            window.failures.append((mark_of(message.position), problem, portion.events))
        else:
            window.copies.append(
                Copy(
                    partition=self.partition,
                    message=portion.copy,
                    properties=properties_of(message, self.job),
                    event_time=message.event_time,
                )
            )
            window.sent += portion.events
            window.size += len(portion.copy.payload)


def windows_of(copier: Copier, pieces: Iterable[Sequence[Portion]], most: Callable[[], Most]) -> Iterator[Window]:
    """Yield the portions as windows. ``most`` is asked again for each one.

    What has arrived before comes in windows of its own, so that it can be noted before anything is sent.
    """
    window, limit = Window(), most()
    for piece in pieces:
        for portion in piece:
            if window.sent and not window.copies and not copier.has_arrived(portion.message):
                yield window
                window = Window()
            copier.add(window, portion)
            if limit.is_reached(window):
                yield window
                window, limit = Window(), most()
    if window.looked:
        yield window


def copier_for(
    copying: Copying,
    log: Log,
    *,
    job: str,
    partition: int,
    topic: str,
    keys: BytesKeys,
    schema_problem: Callable[[str], str],
    there: Arrived,
) -> Copier:
    """Return the copier for a source topic. Sources come in order of their topics, and so did what has arrived: if the last
    copy is of an earlier topic, none of this one has."""
    last = there.up_to(log)
    if last is not None and last.topic < topic:
        there = Arrived()
    same = last is not None and last.topic == topic
    return Copier(
        job=job,
        partition=partition,
        copying=copying,
        keys=keys,
        schema_problem=schema_problem,
        there=there,
        all_here=last is not None and last.topic > topic,
        arrived_up_to=last.token if last is not None and same else "",
        none_here=last is not None and last.topic < topic,
    )
