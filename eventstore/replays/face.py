"""The desk's face for replays: looking at them while they run, and afterwards."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from eventstore.actions import Resource
from eventstore.config.projections import Way
from eventstore.jobs import Job, State, UnknownJob
from eventstore.jobs.face import JobFace
from eventstore.letters.face import LetterFace
from eventstore.model.errors import EventStoreError
from eventstore.model.storage import Storage
from eventstore.replays.order import ReplayOrder
from eventstore.replays.sending.state import ERRORS
from eventstore.replays.watching.consumption import consumption_of
from eventstore.replays.watching.copies import copies_in, counted_by_copies
from eventstore.replays.watching.places import is_read_elsewhere, reader_of, stretches_of
from eventstore.replays.watching.refused import dead_letters_of
from eventstore.replays.watching.watched import Watched, looks_of

REPLAY = "replay_events"
"""The name of the kind of job."""
ASK_EVERY = 1.5
"""Seconds for which the store's answer is used for everybody who watches the same replay."""
MOST_KEPT = 100


class ReplayFace:
    """``desk.replays``."""

    def __init__(
        self, *, storage: Storage, jobs: JobFace, letters: LetterFace, is_external: Callable[[str, str], bool]
    ) -> None:
        """``is_external``: whether a topic's subscription keeps its positions outside the store."""
        self._storage, self._jobs, self._letters, self._is_external = storage, jobs, letters, is_external
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, Watched]] = {}

    def newest(
        self, *, limit: int = 50, before: int | None = None, states: Collection[State] = (), on: Resource | None = None
    ) -> Sequence[Watched]:
        """Replays as their jobs tell, selected as ``JobFace.newest`` does: the store is not asked."""
        found = self._jobs.newest(limit=limit, before=before, states=states, kind=REPLAY, on=on)
        return [_as_told(job) for job in found]

    def watch(self, id: str) -> Watched:
        """One replay, with what is consumed of it now. Raises ``UnknownJob``, also for a job of another kind.

        Where the store does not answer, ``away`` says so and the last look is shown. An answer serves for ``ASK_EVERY``
        seconds, unless the job has changed its state meanwhile.
        """
        job = self._jobs.get(id)
        if job.kind != REPLAY:
            raise UnknownJob("This job is no replay.")
        with self._lock:
            at, seen = self._seen.get(id, (0.0, None))
        if seen is not None and time.monotonic() - at < ASK_EVERY and seen.job.state is job.state:
            return seen
        found = self._looked_at(job)
        with self._lock:
            self._seen[id] = (time.monotonic(), found)
            while len(self._seen) > MOST_KEPT:
                del self._seen[next(iter(self._seen))]
        return found

    def _looked_at(self, job: Job) -> Watched:
        checkpoints = self._checkpoints(job)
        failures = [(str(mark), str(why)) for one in checkpoints for mark, why in one.get(ERRORS, ())]
        told = _as_told(job, failures=failures)
        stretches = stretches_of(told.order, checkpoints)
        if not stretches or job.started is None:
            return told
        parts: dict[str, Any] = {"failures": failures}
        try:
            if told.order.way is Way.TOPIC:
                parts["copies"] = copies_in(self._storage.log, stretches, job.id)
                given_up = dead_letters_of(self._storage.log, self._letters, told.order, job)
                parts.update(refused=given_up.letters, refused_cut=given_up.cut)
            if job.state is not State.SUCCEEDED:
                external = is_read_elsewhere(told.order, self._is_external)
                found = consumption_of(self._storage, reader_of(told.order), stretches, external=external)
                parts["consumption"] = counted_by_copies(found, parts.get("copies", ()))
        except EventStoreError as error:
            parts["away"] = str(error)
        return _as_told(job, **parts)

    def _checkpoints(self, job: Job) -> Sequence[Mapping[str, Any]]:
        return [*(share.checkpoint for share in self._jobs.shares(job)), job.checkpoint]


def _as_told(job: Job, **parts: Any) -> Watched:
    return Watched(job=job, order=ReplayOrder.of(job.arguments), looks=looks_of(job.checkpoint), **parts)
