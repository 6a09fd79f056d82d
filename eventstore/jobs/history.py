"""What a job went through by itself: tries that come again, and workers that took it up after another one.

What people did to it is on the record. A job keeps its newest hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models.functions import Now

from eventstore.jobs.models import JobTurnRow
from eventstore.jobs.rows import storable

MOST = 100


class TurnKind(StrEnum):
    """``RETRY``: the store or a database was away, so it waits and is tried again. ``TAKEN_OVER``: its worker was gone, and
    another one took it. ``TAKEN_UP``: it had been given back, and a worker took it again."""

    RETRY = "retry"
    TAKEN_OVER = "taken_over"
    TAKEN_UP = "taken_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """``share``: the name of the share that it happened to; empty for the job. ``why``: of a retry, as a sentence."""

    at: datetime
    kind: TurnKind
    share: str = ""
    why: str = ""


def note(job: int, kind: TurnKind, *, share: str = "", why: str = "") -> None:
    """``job`` is its number. Within the caller's transaction, if there is one."""
    rows = JobTurnRow.objects
    rows.bulk_create([JobTurnRow(job_id=job, at=Now(), kind=kind, share=share, why=storable(why))])
    older = rows.filter(job_id=job).order_by("-pk").values_list("pk", flat=True)[MOST : MOST + 1].first()
    if older is not None:
        rows.filter(job_id=job, pk__lte=older).delete()


def turns_of(job: int) -> Sequence[Turn]:
    """Oldest first."""
    rows = JobTurnRow.objects.filter(job_id=job).order_by("pk")
    return [Turn(at=row.at, kind=TurnKind(row.kind), share=row.share, why=row.why) for row in rows]
