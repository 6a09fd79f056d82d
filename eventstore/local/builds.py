"""Builds of a local projection: made fresh, filled from a checkpoint, swapped in one step, or discarded.

A batch of events, the rows that it changes and the checkpoint are one transaction: a crash loses nothing and doubles nothing.
"""

import json
from collections.abc import Mapping, Sequence

from django.db import transaction

from eventstore.local.models import BuildRow, ValueRow
from eventstore.local.projection import LocalProjection
from eventstore.local.rows import HeldRows
from eventstore.model.errors import StoreRefused, words_of
from eventstore.model.events import Event

DELETED_AT_ONCE = 10_000
"""Rows of an old build that are deleted in one transaction: SQLite has one writer."""

Places = Mapping[str, Mapping[int, str]]
"""Tokens up to which events were applied, by topic and partition."""


class Build:
    """A build that is being filled, by one thread."""

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

        Raises ``StoreRefused`` where the projection fails, and then nothing of this call is kept.
        """
        reached = {**self.places}
        for topic, tokens in places.items():
            reached[topic] = {**reached.get(topic, {}), **tokens}
        projection = self._kind(self._rows)
        with transaction.atomic():
            try:
                for event in events:
                    if not event.problem:
                        _apply(projection, event)
                self._rows.write()
            finally:
                self._rows.forget()
            self._row.checkpoint = json.dumps(reached, separators=(",", ":"))
            self._row.applied += len(events)
            self._row.save(update_fields=["checkpoint", "applied"])

    def swap(self) -> None:
        """Make this the live build, in one step; then delete the rows of the one before. Doing it twice is harmless."""
        with transaction.atomic():
            BuildRow.objects.filter(projection=self._row.projection, live=True).exclude(pk=self._row.pk).update(live=False)
            BuildRow.objects.filter(pk=self._row.pk).update(live=True)
        for old in BuildRow.objects.filter(projection=self._row.projection, live=False):
            delete(old)

    def discard(self) -> None:
        """Delete it with its rows. The live build stays."""
        if not BuildRow.objects.filter(pk=self._row.pk, live=True).exists():
            delete(self._row)


def fresh_build(projection: str, name: str, kind: type[LocalProjection]) -> Build:
    """Return the build of this name, without any row if it is new."""
    row, _ = BuildRow.objects.get_or_create(projection=projection, name=name)
    return Build(row, kind)


def live_rows(projection: str) -> HeldRows | None:
    """Return the rows that readers see; ``None`` before the first build was swapped in."""
    pk = BuildRow.objects.filter(projection=projection, live=True).values_list("pk", flat=True).first()
    return None if pk is None else HeldRows(pk)


def live_places(projection: str) -> Places:
    """Return up to where the live rows were built, from where a process that feeds them goes on."""
    row = BuildRow.objects.filter(projection=projection, live=True).first()
    return {} if row is None else _places(row)


def delete(row: BuildRow) -> None:
    """Delete the build, its rows first, in bounded pieces."""
    while keys := list(ValueRow.objects.filter(build=row.pk).values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        ValueRow.objects.filter(build=row.pk, pk__lte=max(keys), pk__gte=min(keys)).delete()
    row.delete()


def _apply(projection: LocalProjection, event: Event) -> None:
    try:
        projection.apply(event)
    except Exception as error:
        where = event.position.where
        raise StoreRefused(f"The projection failed on the event {event.id} at {where} ({words_of(error)}).") from error


def _places(row: BuildRow) -> Places:
    return {topic: {int(at): str(token) for at, token in each.items()} for topic, each in json.loads(row.checkpoint).items()}
