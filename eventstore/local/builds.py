"""Builds of a local projection: made fresh, filled from a checkpoint, swapped in one step, or discarded.

A batch is applied to rows that are held back. These and the checkpoint are then written in one transaction, and only if the
checkpoint is still the one that this run went on from: a crash loses nothing, and a run that goes on although another has
taken its place doubles nothing. Code of projections never runs in a transaction, which on SQLite would keep everybody waiting.
"""

import json
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import QuerySet

from eventstore.local.models import BuildRow, ValueRow
from eventstore.local.projection import LocalProjection
from eventstore.local.rows import HeldRows, LiveRows
from eventstore.model.errors import EventStoreError, StoreRefused, words_of
from eventstore.model.events import Event

DELETED_AT_ONCE = 10_000
"""Rows of an old build that are deleted in one transaction: SQLite has one writer."""

Places = Mapping[str, Mapping[int, str]]
"""Tokens up to which events were applied, by topic and partition."""
OVERTAKEN = (
    "A build that began later is live already, so the rows that readers see were left as they are. Plan the replay again."
)
UNFILLED = "{}"
"""The checkpoint of a build without rows."""


class BuildTaken(EventStoreError):
    """Another run has filled this build, or it was deleted. Nothing was changed: do nothing more."""


class Build:
    """A build that is being filled, by one thread of one process at a time."""

    def __init__(self, row: BuildRow, kind: type[LocalProjection]) -> None:
        self._row, self._kind, self._rows = row, kind, HeldRows(row.pk)

    @property
    def applied(self) -> int:
        return self._row.applied

    @property
    def places(self) -> Places:
        return _places(self._row)

    def apply(self, events: Sequence[Event], places: Places) -> None:
        """Apply these events in order, and note ``places`` as reached. Those that fit no envelope count, and are left out.

        Raises ``StoreRefused`` where the projection fails, and ``BuildTaken`` where another run has gone on with this build.
        Nothing of this call is kept then.
        """
        reached = {**self.places}
        for topic, tokens in places.items():
            reached[topic] = {**reached.get(topic, {}), **tokens}
        projection = self._kind(self._rows)
        try:
            for event in events:
                if not event.problem:
                    _apply(projection, event)
            self._write(json.dumps(reached, separators=(",", ":")), self._row.applied + len(events))
        except StoreRefused as error:
            if not self._own().exists():  # it read rows of two batches
                raise BuildTaken(str(error)) from error
            raise
        finally:
            self._rows.forget()

    def swap(self) -> None:
        """Make this the live build, in one step; then delete the rows of the others. Doing it twice is harmless.

        Raises ``BuildTaken`` as ``apply`` does, and ``StoreRefused`` where the live build began after this one.
        """
        others = BuildRow.objects.filter(projection=self._row.projection).exclude(pk=self._row.pk)
        with transaction.atomic():
            list(BuildRow.objects.filter(projection=self._row.projection).order_by("pk").select_for_update())
            _check_newest(self._row)
            others.filter(live=True).update(live=False)
            if not self._own().update(live=True):
                raise BuildTaken(f"The build {self._row} is another run's.")
        for old in others.filter(live=False).exclude(checkpoint=UNFILLED):
            _empty(old)

    def discard(self) -> None:
        """Delete it with its rows. The live build stays."""
        if not BuildRow.objects.filter(pk=self._row.pk, live=True).exists():
            delete(self._row)

    def _write(self, checkpoint: str, applied: int) -> None:
        with transaction.atomic():
            if not self._own().update(checkpoint=checkpoint, applied=applied):
                raise BuildTaken(f"The build {self._row} is another run's.")
            self._rows.write()
        self._row.checkpoint, self._row.applied = checkpoint, applied

    def _own(self) -> QuerySet[BuildRow]:
        """The build's row, if it is as this run left it."""
        return BuildRow.objects.filter(pk=self._row.pk, checkpoint=self._row.checkpoint, applied=self._row.applied)


def fresh_build(projection: str, name: str, kind: type[LocalProjection]) -> Build:
    """Return the build of this name, without any row if it is new. Raises ``StoreRefused`` where a later one is live."""
    row, _ = BuildRow.objects.get_or_create(projection=projection, name=name)
    _check_newest(row)
    return Build(row, kind)


def live_rows(projection: str) -> LiveRows | None:
    """Return the rows that readers see; ``None`` before the first build was swapped in."""
    return LiveRows(projection) if BuildRow.objects.filter(projection=projection, live=True).exists() else None


def live_places(projection: str) -> Places:
    """Return up to where the live rows were built, from where a process that feeds them goes on."""
    row = BuildRow.objects.filter(projection=projection, live=True).first()
    return {} if row is None else _places(row)


def delete(row: BuildRow) -> None:
    """Delete the build, its rows first."""
    _delete_rows(row)
    row.delete()


def _empty(row: BuildRow) -> None:
    """Delete its rows. The build itself stays, so that a run that goes on with it late knows that a later one is live."""
    _delete_rows(row)
    unchanged = BuildRow.objects.filter(pk=row.pk, live=False, checkpoint=row.checkpoint, applied=row.applied)
    unchanged.update(checkpoint=UNFILLED, applied=0)


def _delete_rows(row: BuildRow) -> None:
    """In bounded pieces."""
    while keys := list(ValueRow.objects.filter(build=row.pk).values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        ValueRow.objects.filter(build=row.pk, pk__lte=max(keys), pk__gte=min(keys)).delete()


def _check_newest(row: BuildRow) -> None:
    if BuildRow.objects.filter(projection=row.projection, live=True, pk__gt=row.pk).exists():
        raise StoreRefused(OVERTAKEN)


def _apply(projection: LocalProjection, event: Event) -> None:
    try:
        projection.apply(event)
    except Exception as error:
        where = event.position.where
        raise StoreRefused(f"The projection failed on the event {event.id} at {where} ({words_of(error)}).") from error


def _places(row: BuildRow) -> Places:
    return {topic: {int(at): str(token) for at, token in each.items()} for topic, each in json.loads(row.checkpoint).items()}
