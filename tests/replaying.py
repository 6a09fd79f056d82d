"""What the tests of replays by copies share: orders over the events of a topic, and runs that are killed at a step."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from eventstore.config.loading import Config
from eventstore.envelope import read_event
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.models import current_partitions
from eventstore.model.events import Message
from eventstore.model.storage import Storage, copying_of
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, Bounds, Kind, ReplayOrder, Way, What, mark_of
from eventstore.replays.sending.sending import Sending, send_share
from eventstore.replays.sending.state import State
from tests.redriving import Killed, Notes, Over, Stepping, messages_in

PROJECTION, SUBSCRIPTION = "app-timeline", "app-timeline"


def events_in(storage: Storage, topic: str, partition: int) -> Sequence[Message]:
    """Return the events of a partition: each member of a batch is one."""
    last = storage.log.ends(topic)[partition].last
    found: list[Message] = []
    while last is not None and (not found or found[-1].position < last):
        found += storage.log.read_forward(topic, partition, after=found[-1].position if found else None, limit=5_000)
    return found


def order_of(storage: Storage, topics: Sequence[str], target: str, *, what: What | None = None, **more: object) -> ReplayOrder:
    """An order for all events that the topics have now."""
    chosen = {topic: _all_of(storage, topic) for topic in topics}
    return ReplayOrder(
        projection=PROJECTION,
        way=Way.TOPIC,
        what=what or What(kind=Kind.EVERYTHING),
        topics=chosen,
        subscription=SUBSCRIPTION,
        target=target,
        **more,  # type: ignore[arg-type]
    )


def _all_of(storage: Storage, topic: str) -> Mapping[int, Bounds]:
    found = {number: events_in(storage, topic, number) for number in range(storage.log.topic(topic).partitions)}
    return {
        number: Bounds(first=0, end=len(events), first_token=events[0].position.token, last_token=events[-1].position.token)
        for number, events in found.items()
        if events
    }


def indexed(storage: Storage) -> Mapping[tuple[str, int], int]:
    """Index everything; return the index's number of each partition."""
    index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )
    return {(row.topic, row.number): row.pk for row in current_partitions()}


def run(storage: Storage, order: ReplayOrder, notes: Notes, partition: int = 0, *, job: str = "job1") -> State:
    """Run one share from what was noted last; return what is noted then."""
    send_share(
        Sending(
            storage=storage,
            job=job,
            order=order,
            partition=partition,
            state=State.of(notes.checkpoint),
            worker=notes,
            read=partial(read_event, mappings=(), decode=None),
            total=sum(bounds.events for _, number, bounds in order.each() if number == partition),
        )
    )
    return State.of(notes.checkpoint)


def run_until_done(storage: Storage, order: ReplayOrder, step: Callable[[str], None], *, job: str = "job1") -> Notes:
    """Run it again after each time that a step kills it."""
    notes = Notes(step=step)
    over = Over(storage, Stepping(copying_of(storage), step))
    while True:
        try:
            run(over, order, notes, job=job)
        except Killed:
            continue
        return notes


def copied(storage: Storage, target: str, job: str = "job1") -> dict[str | None, list[str]]:
    """Return which events have arrived in the target for this job, by key, in order."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for partition in range(storage.log.topic(target).partitions):
        for message in messages_in(storage, target, partition):
            if message.properties.get(REPLAY_ID) == job:
                found[message.key].append(message.properties[REPLAY_OF])
    return dict(found)


def originals(storage: Storage, topics: Sequence[str], *, type: str = "") -> dict[str | None, list[str]]:
    """Return the marks that copies of everything in these topics have, or of the events of this type, by key, in order."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for topic in topics:
        for partition in range(storage.log.topic(topic).partitions):
            for message in messages_in(storage, topic, partition):
                if type in ("", message.properties.get("ce_type")):
                    found[message.key].append(mark_of(message.position))
    return dict(found)
