"""The local way: a Python projection of this process is built again, and its new rows are swapped in at the end.

Fresh rows are built beside the live ones, which readers see whole until the swap. A run that begins again goes on from the
checkpoint that was committed with the rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eventstore.jobs import Interruption, JobInterrupted, Progress, Worker
from eventstore.local import LocalProjection
from eventstore.local.builds import Build, BuildTaken, Places, fresh_build
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Log
from eventstore.model.storage import Storage
from eventstore.replays.order import ReplayOrder

EVENTS_AT_ONCE = 500
"""Events of one transaction."""
BYTES_AT_ONCE = 8_000_000
GONE = (
    "{missing} of {events} events were no longer there: retention has removed them since the plan. The rows that readers see "
    "were left as they were. Plan the replay again."
)
MISSING = (
    "The store returned {missing} of {events} events fewer than the plan counts, although it still keeps the first of them. "
    "The rows that readers see were left as they were. Resume the job, or plan the replay again."
)

BEGUN = {"begun": True}
"""The checkpoint of the job. How far it is stands with the rows."""
Read = Callable[[Message], Event]


def replay_locally(
    storage: Storage, order: ReplayOrder, job: str, worker: Worker, kind: type[LocalProjection], read: Read
) -> Mapping[str, Any]:
    """Build rows from every event up to the frozen end, and swap them in; return facts for the record.

    Raises ``StoreRefused`` where the projection fails on an event, where events are missing, or where a build that began
    later is live already. Readers then see what they saw. Raises ``JobInterrupted`` as ``worker`` does, and where another
    worker has gone on with the build.
    """
    build = fresh_build(order.projection, job, kind)
    try:
        _fill(storage, order, build, worker, read)
        build.swap()
    except BuildTaken as taken:
        raise JobInterrupted(Interruption.LOST) from taken
    return {"applied": build.applied}


def _fill(storage: Storage, order: ReplayOrder, build: Build, worker: Worker, read: Read) -> None:
    try:
        worker.save(BEGUN, _progress(order, build))
        for messages in _pieces(storage.log, order, build.places):
            _apply(build, messages, read, worker)
            worker.save(BEGUN, _progress(order, build))
    except JobInterrupted as interrupted:
        if interrupted.why is Interruption.CANCEL:
            build.discard()
        raise
    missing = order.looked_at - build.applied
    if missing > 0:
        words = MISSING if _is_kept(storage.log, order) else GONE
        raise StoreRefused(words.format(missing=f"{missing:,}", events=f"{order.looked_at:,}"))


def _apply(build: Build, messages: Sequence[Message], read: Read, worker: Worker) -> None:
    """Messages of one partition, in order."""
    worker.throttled(len(messages))
    last = messages[-1].position
    build.apply([read(message) for message in messages], {last.topic: {last.partition: last.token}})


def _pieces(log: Log, order: ReplayOrder, reached: Places) -> Iterator[Sequence[Message]]:
    """Yield the messages that were not applied yet, partition by partition, a bounded piece at a time."""
    for topic, partition, bounds in order.each():
        after = reached.get(topic, {}).get(partition, "")
        place, inclusive = log.position(topic, partition, after or bounds.first_token), not after
        while inclusive or place.token < bounds.last_token:
            found = _read(log, place, inclusive=inclusive)
            wanted = [message for message in found if message.position.token <= bounds.last_token]
            if not wanted:
                break
            yield wanted
            place, inclusive = wanted[-1].position, False


def _read(log: Log, place: Position, *, inclusive: bool) -> Sequence[Message]:
    return log.read_forward(
        place.topic,
        place.partition,
        after=place,
        inclusive=inclusive,
        limit=EVENTS_AT_ONCE,
        most_bytes=BYTES_AT_ONCE,
    )


def _is_kept(log: Log, order: ReplayOrder) -> bool:
    """Whether each partition still keeps the first event of the plan."""
    ends = {(topic, each.partition): each for topic in order.topics for each in log.ends(topic)}
    for topic, partition, bounds in order.each():
        first = ends[topic, partition].first if (topic, partition) in ends else None
        if first is None or (first.beginning or first).token > bounds.first_token:
            return False
    return True


def _progress(order: ReplayOrder, build: Build) -> Progress:
    return Progress(done=build.applied, total=order.looked_at)
