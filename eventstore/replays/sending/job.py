"""The job of a replay by the topic way: a share for each partition of the replay topic, each with its own copies."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from eventstore.envelope import read_event
from eventstore.jobs import Job, Progress, Share, Worker
from eventstore.model.errors import StoreRefused
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, copying_of, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.order import ReplayOrder
from eventstore.replays.sending.reading import begun_ahead
from eventstore.replays.sending.sending import Sending, send_share
from eventstore.replays.sending.state import State
from eventstore.replays.watching import LOOKS, Follow, follow, looks_of, reader_of, stretches_of
from eventstore.schemas import Schemas

TOO_FEW = (
    "{} has {} partitions, and events are to go to its partition {}: a copy keeps the number of its partition. Give the "
    "replay topic as many partitions as its sources have."
)


READER = "reader"
"""The key of the job's checkpoint that says that the replay topic has its subscription: from then on copies may be there."""


def replay_by_topic(
    storage: Storage,
    order: ReplayOrder,
    job: str,
    checkpoint: Mapping[str, Any],
    worker: Worker,
    *,
    external: bool = False,
) -> Mapping[str, Any]:
    """Send the copies, then follow them until they are consumed; return facts for the record.

    ``external``: the consumers of the copies keep their positions outside the store. Raises as ``send``, and
    ``JobInterrupted`` where the job is to end, or rests.
    """
    looks = looks_of(checkpoint)
    shares = send(storage, order, job, worker, {**checkpoint, LOOKS: looks.as_json()})
    sent = Progress.sum_of(share.progress for share in shares)
    facts = {"sent": sent.done, **({"not_matching": sent.skipped} if sent.skipped else {})}
    if not sent.done:
        return facts
    what = Follow(
        job=job,
        subscription=reader_of(order),
        stretches=stretches_of(order, [share.checkpoint for share in shares]),
        looks=looks,
        checkpoint=lambda: {READER: True, LOOKS: looks.as_json()},
        progress=lambda: sent,
        external=external,
    )
    return {**facts, **follow(storage, what, worker)}


def send(storage: Storage, order: ReplayOrder, job: str, worker: Worker, checkpoint: Mapping[str, Any]) -> Sequence[Share]:
    """Have everything sent; return the shares. ``checkpoint`` is what the job keeps meanwhile.

    The first share is the one that this worker takes, and somebody waits for its first copy: what it copies is fetched already
    while the replay topic is looked at. Raises as ``Worker.run_shares``, and ``StoreRefused`` where the replay topic is not as
    it has to be.
    """
    totals = events_by_partition(order)
    run_all = partial(
        worker.run_shares, {**checkpoint, READER: True}, {str(partition): events for partition, events in totals.items()}
    )
    if checkpoint.get(READER):
        return run_all()
    with begun_ahead(copying_of(storage), order, job, min(totals, default=0)):
        _prepare(storage, order, max(totals, default=0))
        return run_all()


def events_by_partition(order: ReplayOrder) -> Mapping[int, int]:
    """Return how many events are looked at for each partition of the replay topic, also those that do not pass a filter."""
    found: dict[int, int] = {}
    for _, partition, bounds in order.each():
        found[partition] = found.get(partition, 0) + bounds.events
    return dict(sorted(found.items()))


def run_share(storage: Storage, job: Job, share: Share, worker: Worker) -> None:
    """Send one partition's copies. See ``jobs.RunShare``."""
    order = ReplayOrder.of(job.arguments)
    schemas = Schemas(storage.schemas)
    send_share(
        Sending(
            storage=storage,
            job=job.id,
            order=order,
            partition=int(share.name),
            state=State.of(share.checkpoint),
            worker=worker,
            read=partial(read_event, mappings=worker.config.mappings, decode=schemas.decoded),
            total=share.progress.total,
        )
    )


def _prepare(storage: Storage, order: ReplayOrder, highest: int) -> None:
    """See that the replay topic has the partitions, and a subscription that gets all copies, before the first is sent.

    A subscription that is made begins at the end, so that it gets no copies of earlier replays that the topic still has. It
    is made once: one that somebody deletes while its copies wait stays deleted, and the job says that it is gone.
    """
    subscriptions = subscriptions_of(storage)
    topic = storage.log.topic(order.target)
    if topic.partitions <= highest:
        raise StoreRefused(TOO_FEW.format(topic.name, topic.partitions, highest))
    copying_of(storage).get_ready(topic.name)
    if not any(one.name == order.subscription for one in subscriptions.members(topic.name)):
        subscriptions.create(topic.name, order.subscription, type=SubscriptionType.SHARED, start=Edge.LATEST)
