"""The record of how jobs ended. A job ends in its row first. Then the record is told, again after a crash in between."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventstore.actions.outcome import Ending, Outcome
from eventstore.actions.perform import Record
from eventstore.jobs.job import ENDED
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import job_of


def settle(record: Record) -> int:
    """Tell the record of every job that has ended and that it does not know of; return how many there were."""
    rows = list(JobRow.objects.filter(recorded=False).order_by("number"))
    for row in rows:
        record.ended(row.act, outcome_of_row(row))
        JobRow.objects.filter(pk=row.pk, epoch=row.epoch, state=row.state).update(recorded=True)
    return len(rows)


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
