"""What the tests of redrives share: dead letters, a worker that notes, and steps at which a run is killed."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self

from eventstore.config.loading import Config
from eventstore.jobs import Interruption, JobInterrupted, Progress, Share
from eventstore.model.copying import Acknowledger, Copy, Copying, Publisher, Sent, Start
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, copying_of, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.redrives.acknowledging import look
from eventstore.redrives.copies import LETTER
from eventstore.redrives.order import Order, ranges_of
from eventstore.redrives.sending import redrive
from eventstore.redrives.state import State

KEEPER = "eventdesk-redrive"


class Killed(BaseException):
    """The process ends here, and nothing is tidied up by the run."""


@dataclass
class Notes:
    """A worker whose notes are kept in memory. ``stop_after`` saves it asks the run to end, for the reason ``why``."""

    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    step: Callable[[str], None] = lambda name: None
    stop_after: int | None = None
    why: Interruption = Interruption.PAUSE
    throttle: float | None = None
    config: Config = field(default_factory=Config)
    charged: list[int] = field(default_factory=list)
    is_due = False

    @property
    def is_asked_to_end(self) -> bool:
        return self.stop_after is not None and self.stop_after <= 0

    def save(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.note(checkpoint, progress)
        if self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after <= 0:
                raise JobInterrupted(self.why)

    def note(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.step("before a note")
        self.checkpoint, self.progress = checkpoint, progress
        self.step("after a note")

    def throttled(self, amount: int) -> None:
        self.charged.append(amount)

    def rest(self, checkpoint: Mapping[str, Any], progress: Progress, seconds: float) -> NoReturn:
        self.save(checkpoint, progress)
        raise JobInterrupted(Interruption.REST)

    def run_shares(self, checkpoint: Mapping[str, Any], totals: Mapping[str, int | None]) -> Sequence[Share]:
        raise AssertionError("A redrive has no shares.")


class AskedWhileItWaits(Notes):
    """A worker that is asked to end while its run waits for the throttle."""

    def throttled(self, amount: int) -> None:
        self.stop_after = 0


@dataclass
class Stepping:
    """A driver's way to copy, which tells of each step before and after it."""

    copying: Copying
    step: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.copying, name)

    def open_publisher(self, *given: Any, **named: Any) -> Publisher:
        return SteppingPublisher(self.copying.open_publisher(*given, **named), self.step)

    def open_acknowledger(self, *given: Any, **named: Any) -> Acknowledger:
        return SteppingAcknowledger(self.copying.open_acknowledger(*given, **named), self.step)


@dataclass
class _Closing:
    one: Any
    step: Callable[[str], None]

    def close(self) -> None:
        self.one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class SteppingPublisher(_Closing):
    @property
    def starts(self) -> Mapping[int, Start]:
        starts: Mapping[int, Start] = self.one.starts
        return starts

    def send(self, copies: Sequence[Copy]) -> Sent:
        self.step("before sending")
        sent: Sent = self.one.send(copies)
        self.step("on the way")
        return SteppingSent(sent, self.step)


@dataclass
class SteppingSent:
    one: Sent
    step: Callable[[str], None]

    def settle(self) -> Mapping[int, Position]:
        places = self.one.settle()
        self.step("settled")
        return places


class SteppingAcknowledger(_Closing):
    def acknowledge(self, positions: Sequence[Position]) -> None:
        self.step("before acknowledging")
        self.one.acknowledge(positions)
        self.step("acknowledged")


def killing(number: int) -> Callable[[str], None]:
    """Return what kills at its call of this number, counted from 0, and never again."""
    left = [number]

    def step(name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed(name)

    return step


class Over:
    """A storage with another way to copy."""

    def __init__(self, storage: Storage, copying: Copying) -> None:
        self.log, self.subscriptions, self.schemas, self.details = (
            storage.log,
            storage.subscriptions,
            storage.schemas,
            storage.details,
        )
        self.copying: Copying | None = copying

    def close(self) -> None:
        return


def letter(number: int, *, key: str | None = "k", **properties: str) -> NewMessage:
    return NewMessage(payload=str(number).encode(), key=key, properties={"own": f"p{number}", **properties})


def keep(storage: Storage, letters: str, name: str = KEEPER) -> None:
    """Make the subscription by which the letters wait."""
    subscriptions_of(storage).create(letters, name, type=SubscriptionType.SHARED, start=Edge.EARLIEST)


def order_of(
    storage: Storage,
    letters: str,
    target: str,
    chosen: Callable[[Message], bool] = lambda message: True,
    *,
    job: str = "job1",
    source: str = "source",
) -> Order:
    found = {partition: messages_in(storage, letters, partition) for partition in range(storage.log.topic(letters).partitions)}
    return Order(
        job=job,
        letters=letters,
        subscription=KEEPER,
        source=source,
        target=target,
        chosen={
            partition: ranges_of([(message.position, chosen(message)) for message in messages])
            for partition, messages in found.items()
        },
        versions=sorted({message.schema_version for messages in found.values() for message in messages}),
    )


def messages_in(storage: Storage, topic: str, partition: int = 0) -> Sequence[Message]:
    """Return the whole messages of a partition."""
    last = storage.log.ends(topic)[partition].last
    found: list[Message] = []
    if last is not None:
        with copying_of(storage).open_reader(topic, partition, after=Edge.EARLIEST) as reader:
            while not found or found[-1].position < last.message:
                found += reader.read(limit=1000, timeout=1.0)
    return found


def run(storage: Storage, order: Order, notes: Notes, **given: Any) -> Mapping[str, int]:
    return redrive(storage, order, State.of(notes.checkpoint), notes, **given)


def run_until_done(storage: Storage, order: Order, step: Callable[[str], None]) -> Notes:
    """Run it again after each time that a step kills it."""
    notes = Notes(step=step)
    over = Over(storage, Stepping(copying_of(storage), step))
    while True:
        try:
            run(over, order, notes)
        except Killed:
            continue
        return notes


def copied(storage: Storage, target: str) -> dict[str | None, list[str]]:
    """Return which letters have arrived in the target, by key, in order."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for partition in range(storage.log.topic(target).partitions):
        for message in messages_in(storage, target, partition):
            found[message.key].append(message.properties[LETTER])
    return dict(found)


def waiting(storage: Storage, order: Order) -> list[bytes]:
    """Return the payloads of the letters that are not acknowledged."""
    there = look(subscriptions_of(storage), order)
    return [
        message.payload
        for partition in range(storage.log.topic(order.letters).partitions)
        for message in messages_in(storage, order.letters, partition)
        if message.position not in there
    ]
