"""One share of a replay: marked copies of the chosen events, sent to one partition of the replay topic.

While a window of copies is on its way, the next one is read and sent behind it, so that the store always has something to
do. The publisher keeps the order, and a copy that the store does not confirm stops everything behind it. What is confirmed is
noted at most once a second. Before a run ends, and before the target's end is noted, everything that was sent is confirmed.

**A run that begins again** first opens the publisher, which nobody else can have then, and only then reads what the target has
got behind the place noted last. An event whose copy is there is not sent again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

from eventstore.copying import BytesKeys, noted_end
from eventstore.jobs import Interruption, JobInterrupted, Worker
from eventstore.model.copying import Copying, Sent, Start
from eventstore.model.errors import EventStoreError, LeaseLost, ResourceBusy, StoreUnreachable
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Log
from eventstore.model.storage import Storage, copying_of
from eventstore.replays.order import ReplayOrder
from eventstore.replays.sending.arrived import Arrived, arrived
from eventstore.replays.sending.lanes import Lanes
from eventstore.replays.sending.reading import Source, begin, portions, sources_of, taken_ahead
from eventstore.replays.sending.state import State
from eventstore.replays.sending.windows import MOST_KEYS, Copier, Most, Window, copier_for, windows_of

log = logging.getLogger(__name__)
MOST_MESSAGES = 1_000
"""Of a window."""
LOOK_EVERY = 60.0
"""Seconds after which the target's end is noted anew, though nothing was sent: retention may remove what lies before."""
GONE = "{:,} of the chosen events were no longer there: retention removed them, or the topic was emptied."


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What a run of a share works with. ``total`` is what its progress counts up to."""

    storage: Storage
    job: str
    order: ReplayOrder
    partition: int
    state: State
    worker: Worker
    read: Callable[[Message], Event]
    total: int | None

    @cached_property
    def copying(self) -> Copying:
        return copying_of(self.storage)

    @property
    def log(self) -> Log:
        return self.storage.log

    def save(self) -> None:
        self.worker.save(self.state.as_json(self.order.target, self.partition), self.state.progress(self.total))

    def note(self) -> None:
        self.worker.note(self.state.as_json(self.order.target, self.partition), self.state.progress(self.total))

    def tick(self) -> None:
        """Keep the lease."""
        if self.worker.is_due:
            self.note()

    def most(self) -> Most:
        """What a window holds at most: no more events than may be sent in a second, as people want it now."""
        throttle = self.worker.throttle
        return Most(copies=MOST_MESSAGES, events=max(1, int(throttle)) if throttle else None)


def send_share(run: Sending) -> None:
    """Send everything that is not reached. Raises ``JobInterrupted`` with nothing half done (unless the share is lost),
    ``StoreUnreachable`` where it is to be tried again, and other errors where the store does not take a copy."""
    state, target = run.state, run.order.target
    sources = _sources(run)
    try:
        with Lanes(run.storage, job=run.job, target=target, partition=run.partition, state=state, note=run.note) as lanes:
            there = _begin(run, lanes)
            for source in sources:
                if state.reached.get(source.topic, "") < source.bounds.last_token:
                    _send_source(run, lanes, source, there)
            _count_missing(state, sources)
            state.tidy = True  # all is confirmed; to close takes longer than the note that people wait for
            run.save()
    except (ResourceBusy, LeaseLost) as error:
        run.note()  # raises if it is this worker that has lost the share
        raise StoreUnreachable(str(error)) from error


def _sources(run: Sending) -> Sequence[Source]:
    """A run that sends from the start has begun to fetch what comes first."""
    if not run.state.tidy or run.state.reached:
        return sources_of(run.order, run.partition)
    ahead = taken_ahead(run.job, run.partition)
    return ahead if ahead is not None else begin(run.copying, sources_of(run.order, run.partition))


def _begin(run: Sending, lanes: Lanes) -> Arrived:
    """Find what has arrived in the target since its end was noted. Where nothing was sent, that is noted by the opening of the
    publisher."""
    state = run.state
    if state.tidy:
        return Arrived()
    lanes.open(state.topic, frozenset())
    there = arrived(run.copying, run.log, run.job, run.order.target, run.partition, state, run.tick)
    state.last = max(state.last, there.place)
    if not there.marks:
        lanes.note_start()
    return there


def _note_end(run: Sending) -> None:
    """Nothing is on its way now."""
    ends = run.log.ends(run.order.target)[run.partition]
    run.state.begin(Start(place=noted_end(ends), empty=ends.farthest is None))


def _send_source(run: Sending, lanes: Lanes, source: Source, there: Arrived) -> None:
    copier = copier_for(
        run.copying,
        run.log,
        job=run.job,
        partition=run.partition,
        topic=source.topic,
        keys=BytesKeys(run.log, MOST_KEYS),
        schema_problem=partial(lanes.problem, source.topic),
        there=there,
    )
    behind = run.state.reached.get(source.topic, "")
    pieces = portions(run.copying, run.log, run.order, source, behind, run.read, run.tick)
    flying: Flying | None = None
    try:
        for window in windows_of(copier, pieces, run.most):
            if flying is not None and not _goes_along(run, lanes, source, window, flying):
                before, flying = flying, None
                _land(run, source, copier, before)
            sent = _sent(run, lanes, source, window, may_end=flying is None)
            landing, flying = flying, Flying(window, sent)
            if landing is not None:
                _land(run, source, copier, landing, last=False)
    except EventStoreError:
        _note_confirmed(run, source, flying)
        raise
    if flying is not None:
        _land(run, source, copier, flying)


class Flying(NamedTuple):
    """A window whose copies, if it has any, are on their way."""

    window: Window
    sent: Sent | None


def _goes_along(run: Sending, lanes: Lanes, source: Source, window: Window, flying: Flying) -> bool:
    """Whether this window may be sent before the one that is on its way is confirmed."""
    if flying.sent is None or not window.copies or run.worker.throttle or run.worker.is_asked_to_end:
        return False
    return not _is_to_look(run) and lanes.has(source.topic, window.copies)


def _sent(run: Sending, lanes: Lanes, source: Source, window: Window, *, may_end: bool) -> Sent | None:
    """A window with copies comes behind all that has arrived. ``may_end``: nothing is on its way, so a run may end here."""
    if not window.copies:
        return None
    run.worker.throttled(window.sent)
    if may_end and run.worker.is_asked_to_end:
        _save(run, more_has_arrived=False)
    return lanes.send(source.topic, window.copies)


def _land(run: Sending, source: Source, copier: Copier, flying: Flying, *, last: bool = True) -> None:
    """Wait until its copies are confirmed, and note that. ``last``: nothing else is on its way."""
    places = flying.sent.settle() if flying.sent is not None else {}
    _reach(run.state, source, flying.window, places)
    if last:
        _save(run, more_has_arrived=copier.more_has_arrived(flying.window))
    else:
        run.tick()


def _note_confirmed(run: Sending, source: Source, flying: Flying | None) -> None:
    """Something has failed: count what was on its way and is confirmed all the same."""
    try:
        if flying is not None:
            _reach(run.state, source, flying.window, flying.sent.settle() if flying.sent is not None else {})
    except EventStoreError as error:
        log.info("What was on its way last is not confirmed: %s", type(error).__name__)
    run.note()


def _reach(state: State, source: Source, window: Window, places: Mapping[int, Position]) -> None:
    for place in places.values():
        state.behind = state.last = place.token
    state.reached[source.topic] = window.last
    state.seen[source.topic] = state.seen.get(source.topic, 0) + window.events
    state.sent += window.sent
    state.skipped += window.skipped
    for mark, why, events in window.failures:
        state.fail(mark, why, events)


def _save(run: Sending, *, more_has_arrived: bool) -> None:
    """Nothing is on its way now. While there may be copies of events that are not reached, the run is not interrupted: first
    all of them are counted."""
    if _is_to_look(run) and not more_has_arrived:
        _note_end(run)
    if more_has_arrived:
        run.tick()
        return
    if run.worker.is_due or run.worker.is_asked_to_end:
        try:
            run.save()
        except JobInterrupted as interrupted:
            if interrupted.why is not Interruption.LOST:
                run.state.tidy = True
                run.note()
            raise


def _is_to_look(run: Sending) -> bool:
    return not run.state.tidy and time.monotonic() - run.state.looked >= LOOK_EVERY


def _count_missing(state: State, sources: Sequence[Source]) -> None:
    for source in sources:
        missing = source.bounds.events - state.seen.get(source.topic, 0)
        if missing > 0:
            state.fail(f"{source.topic}/{source.partition}", GONE.format(missing), missing)
            state.seen[source.topic] = source.bounds.events
        state.reached[source.topic] = max(source.bounds.last_token, state.reached.get(source.topic, ""))
