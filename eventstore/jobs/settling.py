"""The record of how jobs ended. A job ends in its row first. Then the record is told, again after a crash in between."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError

from eventstore.actions.outcome import Ending, Outcome
from eventstore.actions.perform import Record
from eventstore.jobs.job import ENDED
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import job_of
from eventstore.model.errors import EventStoreError, words_of

log = logging.getLogger(__name__)
_told: set[str] = set()
"""Jobs whose end could not be written to the record. Each is logged once a process."""


def settle(record: Record) -> int:
    """Tell the record of every job that has ended and that it does not know of; return of how many it was told.

    An end that the record does not take is logged and left, and the others are told.
    """
    numbers = JobRow.objects.filter(recorded=False).order_by("number").values_list("number", flat=True)
    return sum(_settle(record, number) for number in list(numbers))


def _settle(record: Record, number: int) -> bool:
    row = JobRow.objects.filter(pk=number, recorded=False).first()  # somebody else may have settled it meanwhile
    if row is None:
        return False
    try:
        record.ended(row.act, outcome_of_row(row))
    except (DatabaseError, EventStoreError):  # the record takes nothing now
        raise
    except Exception as error:  # noqa: BLE001 - one row of the record must not end whoever settles the others
        _tell(row, error)
        return False
    JobRow.objects.filter(pk=row.pk, epoch=row.epoch, state=row.state).update(recorded=True)
    return True


def _tell(row: JobRow, error: Exception) -> None:
    if row.id not in _told:
        _told.add(row.id)
        log.error("The end of the job %s cannot be written to the record (%s).", row.id, words_of(error))


def outcome_of_row(row: JobRow) -> Outcome:
    """How the job ended, from its row alone: the same whoever asks."""
    job = job_of(row)
    progress = job.progress
    counts: Mapping[str, Any] = {"done": progress.done, "skipped": progress.skipped, "failed": progress.failed}
    known = {name: count for name, count in {**counts, "total": progress.total}.items() if count}
    return Outcome(ending=Ending(row.ending), facts={**job.facts, **known, "job": job.id}, reason=job.problem)


def open_acts() -> Sequence[str]:
    """The acts of jobs that have not ended, or whose end the record does not know yet."""
    rows = JobRow.objects.exclude(state__in=sorted(ENDED)) | JobRow.objects.filter(recorded=False)
    return list(rows.exclude(act="").values_list("act", flat=True))
