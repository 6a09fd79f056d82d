"""The local way: a Python projection of this process is built again, and its new rows are swapped in at the end.

Fresh rows are built beside the live ones, which readers see whole until the swap. A run that begins again goes on from the
checkpoint that was committed with the rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eventstore.jobs import Interruption, JobInterrupted, Progress, Worker
from eventstore.local import LocalProjection
from eventstore.local.builds import Build, Places, fresh_build
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Log
from eventstore.model.storage import Storage
from eventstore.replays.order import ReplayOrder

EVENTS_AT_ONCE = 500
"""Events of one transaction."""
BYTES_AT_ONCE = 8_000_000
GONE = (
    "{gone} of {events} events were no longer there: retention has removed them since the plan. The rows that readers see "
    "were left as they were. Plan the replay again."
)

BEGUN = {"begun": True}
"""The checkpoint of the job. How far it is stands with the rows."""
Read = Callable[[Message], Event]


def replay_locally(
    storage: Storage, order: ReplayOrder, job: str, worker: Worker, kind: type[LocalProjection], read: Read
) -> Mapping[str, Any]:
    """Build rows from every event up to the frozen end, and swap them in; return facts for the record.

    Raises ``StoreRefused`` where the projection fails on an event, or where events are gone. Readers then see what they saw.
    """
    build = fresh_build(order.projection, job, kind)
    try:
        worker.save(BEGUN, _progress(order, build))
        for messages in _pieces(storage.log, order, build.places):
            _apply(build, messages, read, worker)
            worker.save(BEGUN, _progress(order, build))
    except JobInterrupted as interrupted:
        if interrupted.why is Interruption.CANCEL:
            build.discard()
        raise
    gone = order.looked_at - build.applied
    if gone > 0:
        raise StoreRefused(GONE.format(gone=f"{gone:,}", events=f"{order.looked_at:,}"))
    build.swap()
    return {"applied": build.applied}


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


def _progress(order: ReplayOrder, build: Build) -> Progress:
    return Progress(done=build.applied, total=order.looked_at)
