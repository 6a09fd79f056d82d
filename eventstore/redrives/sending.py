"""The redrive itself: send a window of letters, note it, acknowledge it. It can be killed between any two of these.

While a window is on its way, the one before it is acknowledged and the next one read. Nothing else is on its way, so copies of
a key keep their order, and a copy that the store does not confirm stops everything behind it.

**A run that begins again** first opens the publisher, which nobody else can have then, and only then reads what the target has
got. Behind the place that was noted last lie copies of one window alone. A letter whose copy is there is not sent again.
The note comes before the acknowledgement, so what was acknowledged and not noted is found in the same way.

**A run that fails** first acknowledges what it has sent, noted or found: another redrive would send it again.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from eventstore.copying import noted_ends, schemas_of
from eventstore.jobs import Interruption, JobInterrupted, Progress, Worker
from eventstore.model.copying import Acknowledger, Copying, Publisher, Start
from eventstore.model.errors import LeaseLost, NotPermitted, ResourceBusy, StoreRefused, StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.model.log import Log
from eventstore.model.schema_registry import Schema
from eventstore.model.storage import Storage, copying_of, subscriptions_of
from eventstore.model.subscriptions import Subscriptions, SubscriptionType
from eventstore.redrives.acknowledging import Acknowledged, insist, look, make_sure
from eventstore.redrives.arrived import Arrived, arrived
from eventstore.redrives.audience import check_audience
from eventstore.redrives.copies import JOB, copies_of, letter_id, lost_times
from eventstore.redrives.order import Order
from eventstore.redrives.state import State
from eventstore.redrives.windows import MOST_LETTERS, windows

LOOK_EVERY = 60.0
"""Seconds after which the target is looked at anew: where it ends, and who gets the letters."""


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """What a run works with. ``total`` is what its progress counts up to."""

    copying: Copying
    log: Log
    subscriptions: Subscriptions
    order: Order
    state: State
    worker: Worker
    total: int | None

    @cached_property
    def partitions(self) -> int:
        """How many the target has."""
        return self.log.topic(self.order.target).partitions

    def most_letters(self) -> int:
        """Letters of a window at most: no more than may be sent in a second, as people want it now."""
        return max(1, min(MOST_LETTERS, int(self.worker.throttle or MOST_LETTERS)))

    def progress(self) -> Progress:
        return Progress(done=self.state.sent, skipped=self.state.skipped, total=self.total)

    def save(self) -> None:
        self.worker.save(self.state.as_json(), self.progress())

    def note(self) -> None:
        self.worker.note(self.state.as_json(), self.progress())

    def tick(self) -> None:
        """Keep the lease."""
        if self.worker.is_due:
            self.note()


def redrive(storage: Storage, order: Order, state: State, worker: Worker, *, total: int | None = None) -> Mapping[str, int]:
    """Send all letters of the order that ``state`` has not reached, and acknowledge them; return counts for the record.

    Raises ``JobInterrupted`` with nothing half done (unless the job is lost), ``StoreUnreachable`` where it is to be tried
    again, and other errors where the store does not take a letter.
    """
    run = Redrive(
        copying=copying_of(storage),
        log=storage.log,
        subscriptions=subscriptions_of(storage),
        order=order,
        state=state,
        worker=worker,
        total=total,
    )
    partitions = sorted(order.chosen)
    try:
        with run.copying.open_acknowledger(
            order.letters, order.subscription, type=_type(run), partitions=partitions
        ) as member:
            try:
                return _published(run, schemas_of(storage, order.letters, order.versions), member)
            except (JobInterrupted, StoreUnreachable, NotPermitted, ResourceBusy, LeaseLost):
                raise
            except Exception:
                _leave_failed(run, member)
                raise
    except (ResourceBusy, LeaseLost) as error:
        run.note()  # raises if it is this worker that has lost the job
        raise StoreUnreachable(str(error)) from error


def _published(run: Redrive, schemas: Mapping[str, Schema | None], acknowledger: Acknowledger) -> Mapping[str, int]:
    check_audience(run.subscriptions, run.order)
    partitions, mark = range(run.partitions), (JOB, run.order.job)
    with run.copying.open_publisher(run.order.target, partitions=partitions, mark=mark, schemas=schemas) as publisher:
        return _run(run, publisher, acknowledger)


def _run(run: Redrive, publisher: Publisher, acknowledger: Acknowledger) -> Mapping[str, int]:
    there = _arrived(run, _next_letters(run))
    if not there:
        _note_starts(run.state, publisher.starts)
    run.state.tidy = False
    run.note()
    try:
        _send_all(run, there, publisher, acknowledger)
    except JobInterrupted as interrupted:
        if interrupted.why is not Interruption.LOST:
            _leave(run, acknowledger, interrupted.why)
        raise
    _sure(run, acknowledger)
    run.state.tidy = True
    run.save()
    return {"sent": run.state.sent, "already_acknowledged": run.state.skipped}


def _leave(run: Redrive, acknowledger: Acknowledger, why: Interruption) -> None:
    """Note that nothing is half done. A process that ends leaves the look at the cursors to the next run."""
    if why is not Interruption.STOP:
        _sure(run, acknowledger)
    run.state.tidy = True
    run.note()


def _leave_failed(run: Redrive, acknowledger: Acknowledger) -> None:
    """The job fails, and may never go on. What it has sent must not be sent again by another one.

    Whatever shares an entry with a letter that was not sent is left as it is: this job would find its copy.
    """
    _sure(run, acknowledger)
    letters = _next_letters(run)
    there = _arrived(run, letters)
    missing = {run.log.entry(letter.position) for letter in letters if letter_id(letter) not in there}
    positions = [letter.position for letter in letters if run.log.entry(letter.position) not in missing]
    insist(run.subscriptions, run.order, positions, acknowledger, run.tick)


def _next_letters(run: Redrive) -> Sequence[Message]:
    """Return the letters of which some may have been sent though they are not reached: the window after the one noted last.

    That one may have been larger than the next one is: the throttle changes.
    """
    if run.state.tidy:
        return ()
    return next(windows(run.copying, run.log, run.order, run.state.reached, lambda: MOST_LETTERS, run.tick), ())


def _arrived(run: Redrive, letters: Sequence[Message]) -> Arrived:
    return arrived(run.copying, run.log, run.order, run.state, letters, run.partitions, run.tick) if letters else frozenset()


def _note_starts(state: State, starts: Mapping[int, Start]) -> None:
    """Nothing was on its way when the publisher was opened."""
    state.behind = {partition: start.place for partition, start in starts.items()}
    state.held = {partition: start.held for partition, start in starts.items()}
    state.looked = time.monotonic()


def _note_ends(run: Redrive) -> None:
    """Nothing is on its way now."""
    run.state.behind, run.state.looked = noted_ends(run.log, run.order.target), time.monotonic()


def _look_again(run: Redrive) -> None:
    """Now and then, while nothing is on its way. What retention may remove is never far behind what is noted then."""
    if time.monotonic() - run.state.looked >= LOOK_EVERY:
        check_audience(run.subscriptions, run.order)
        _note_ends(run)
        run.note()


def _send_all(run: Redrive, there: Arrived, publisher: Publisher, acknowledger: Acknowledger) -> None:
    coming = prepared(run, there, look(run.subscriptions, run.order))
    window = next(coming, None)
    noted: Sequence[Message] = ()
    try:
        while window is not None:
            if not window.begun and run.worker.is_asked_to_end:
                run.save()
            run.worker.throttled(len(window.to_send))
            sent = publisher.send(copies_of(run.order, window.to_send, run.partitions, window.times))
            _acknowledge(acknowledger, noted)
            noted = ()
            following = next(coming, None)
            places = sent.settle()
            _reach(run.state, window, {number: place.token for number, place in places.items()})
            noted = window.letters
            run.save()
            _look_again(run)
            window = following
    except JobInterrupted as interrupted:
        if interrupted.why is not Interruption.LOST:
            _acknowledge(acknowledger, noted)
        raise
    _acknowledge(acknowledger, noted)


def _acknowledge(acknowledger: Acknowledger, letters: Sequence[Message]) -> None:
    acknowledger.acknowledge([letter.position for letter in letters])


def _reach(state: State, window: "Prepared", places: Mapping[int, str]) -> None:
    state.behind |= places
    state.reached[window.partition] = window.last
    state.sent += len(window.letters) - window.handled
    state.skipped += window.handled


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A window that is ready to be sent. ``times`` are the event times that letters had lost; ``handled`` counts those that
    somebody else had acknowledged. ``begun``: copies of it have arrived before."""

    letters: Sequence[Message]
    to_send: Sequence[Message]
    times: Mapping[Position, datetime]
    handled: int
    begun: bool

    @property
    def partition(self) -> int:
        return self.letters[-1].position.partition

    @property
    def last(self) -> str:
        return self.letters[-1].position.token


def prepared(run: Redrive, there: Arrived, handled: Acknowledged) -> Iterator[Prepared]:
    for letters in windows(run.copying, run.log, run.order, run.state.reached, run.most_letters, run.tick):
        missing = [letter for letter in letters if letter_id(letter) not in there] if there else letters
        to_send = [letter for letter in missing if letter.position not in handled]
        for letter in to_send:
            if problem := run.copying.refusal(letter):
                raise StoreRefused(f"The dead letter at {letter.position.where} cannot be sent: {problem} Leave it out.")
        yield Prepared(
            letters=letters,
            to_send=to_send,
            times=lost_times(run.copying, run.log, run.order, to_send),
            handled=len(missing) - len(to_send),
            begun=len(missing) < len(letters),
        )


def _type(run: Redrive) -> SubscriptionType:
    """The type of the subscription's members; shared without any, so that a worker that is not gone yet refuses nobody."""
    told = run.subscriptions.named(run.order.letters, run.order.subscription).type
    return SubscriptionType.SHARED if told is SubscriptionType.UNKNOWN else told


def _sure(run: Redrive, acknowledger: Acknowledger) -> None:
    make_sure(run.copying, run.log, run.subscriptions, run.order, run.state.reached, acknowledger, run.tick)
