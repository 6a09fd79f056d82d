"""The desk's face for requests for erasure: what is where of one aggregate. Every answer is bounded."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from eventstore.erasure.copies import CopiesFound, CopiesIn, RowsOf, copies_found
from eventstore.erasure.events import EventsIn, events_in
from eventstore.erasure.jobs import Jobs, Sees, jobs_naming, jobs_seen
from eventstore.erasure.local_rows import LocalRows, local_rows
from eventstore.erasure.readers import Asking, IsExternal, Readers, readers_of
from eventstore.erasure.values import ValuesFound, values_found
from eventstore.model.storage import Storage
from eventstore.projections.face import ProjectionFace


class ErasureFace:
    """``desk.erasure``. Only ``events`` and what follows from the index alone work while the store is away."""

    def __init__(self, *, storage: Storage, rows_of: RowsOf, projections: ProjectionFace, is_external: IsExternal) -> None:
        self._storage, self._rows_of = storage, rows_of
        self._asking = Asking(storage=storage, projection_of=projections.of_subscription, is_external=is_external)

    def events(self, type: str, id: str, *, asks: bool = True) -> Sequence[EventsIn]:
        """Where the aggregate has events: none, if the index does not know it. ``asks``: the store, what it still has."""
        return events_in(self._storage.log if asks else None, type, id)

    def values(self, type: str, id: str) -> ValuesFound:
        """Its searchable values in the index, counted by name."""
        return values_found(type, id)

    def copies(self, type: str, id: str, *, sees: Sees | None = None) -> CopiesFound:
        """Copies of its events in derived topics. ``sees``: no other replay is named as having made some."""
        found = copies_found(self._storage.log, self._rows_of, type, id)
        if sees is None:
            return found
        seen = jobs_seen({job for one in found.topics for job in one.replays}, sees)
        return replace(found, topics=[one.made_by(seen) for one in found.topics])

    def readers(self, type: str, id: str, topics: Iterable[str], copies: Iterable[CopiesIn] = ()) -> Readers:
        """The subscriptions of these topics and of those with copies, with what each has had of the aggregate."""
        return readers_of(self._asking, topics, type, id, copies)

    def jobs(self, type: str, id: str, *, sees: Sees | None = None) -> Jobs:
        """Jobs that name it: of those that ``sees`` lets pass, if it is given."""
        return jobs_naming(type, id, sees=sees)

    def local_rows(self, id: str) -> Sequence[LocalRows]:
        return local_rows(id)
