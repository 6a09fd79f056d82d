"""Following a replay without copies to the frozen end, by the cursors of the subscription that reads it."""

from collections.abc import Mapping
from typing import Any

from eventstore.jobs import Progress, Worker
from eventstore.model.storage import Storage
from eventstore.replays.order import ReplayOrder
from eventstore.replays.watching import Follow, Looks, follow, reader_of, stretches_of
from eventstore.replays.ways.state import WayState


def follow_to_end(
    storage: Storage, order: ReplayOrder, job: str, state: WayState, worker: Worker, *, external: bool
) -> Mapping[str, Any]:
    """Look until the subscription that reads it has acknowledged everything up to the frozen end; return facts for the record.

    ``external``: its consumers keep their positions outside the store. Raises ``JobInterrupted`` where the job is to
    end, or rests.
    """
    looks = Looks.of(state.looks)

    def checkpoint() -> Mapping[str, Any]:
        state.looks = looks.as_json()
        return state.as_json()

    given = order.looked_at
    what = Follow(
        job=job,
        subscription=reader_of(order),
        stretches=stretches_of(order, ()),
        looks=looks,
        checkpoint=checkpoint,
        progress=lambda: Progress(done=given, total=given),
        external=external,
    )
    return follow(storage, what, worker)
