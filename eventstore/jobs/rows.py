"""Between rows and jobs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from django.db import connections, router
from django.db.models import Case, F, When
from django.db.models.functions import Now

from eventstore.actions.actor import Actor
from eventstore.actions.outcome import Ending
from eventstore.actions.resource import Resource
from eventstore.jobs.job import Job, Progress, State, Wish
from eventstore.jobs.models import JobRow

MOST_ARGUMENTS, MOST_CHECKPOINT, MOST_FACTS = 256_000, 64_000, 64_000
"""Characters of JSON. Each save writes the checkpoint. The arguments of a replay take about 115 for each partition."""
MOST_NAMES = 8_000
"""Characters that the names of facts that were not kept may take."""
MOST_TEXT = 2_000
"""Characters kept of a reason or a problem."""


RELEASED: Mapping[str, Any] = MappingProxyType({"owner": "", "leased_until": None, "rate": None})
"""The columns of a row that no worker has."""


def job_of(row: JobRow) -> Job:
    return Job(
        id=row.id,
        number=row.number,
        kind=row.kind,
        state=State(row.state),
        resource=Resource(**json.loads(row.resource)),
        arguments=json.loads(row.arguments),
        checkpoint=json.loads(row.checkpoint),
        progress=Progress(done=row.done, skipped=row.skipped, failed=row.failed, total=row.total),
        throttle=row.throttle,
        asker=Actor(name=row.asker, via=row.via),
        reason=row.reason,
        act=row.act,
        wish=Wish(row.wish),
        epoch=row.epoch,
        asked=row.asked,
        started=row.started,
        seen=row.seen,
        ended=row.ended,
        not_before=row.not_before,
        rate=row.rate,
        problem=row.problem,
        stopped_by=row.stopped_by,
        ending=Ending(row.ending) if row.ending else None,
        facts=json.loads(row.facts),
        digest=row.digest,
        approve_by=row.approve_by,
        approver=Actor(name=row.approver, via=row.approver_via) if row.approver else None,
        approved=row.approved,
    )


def checked_throttle(throttle: float | None) -> float | None:
    """The throttle as it is; ``ValueError`` for what is no number of events a second."""
    if throttle is not None and not (math.isfinite(throttle) and throttle > 0):
        raise ValueError(f"A throttle is a number of events a second above 0, not {throttle!r}.")
    return throttle


def resource_json(resource: Resource) -> str:
    return json.dumps(asdict(resource))


def as_json(value: Mapping[str, Any], most: int, what: str) -> str:
    """The value as JSON in ASCII. ``ValueError`` if it is too long, ``TypeError`` if it is no JSON."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    if len(text) > most:
        raise ValueError(f"The {what} of a job has {len(text):,} characters as JSON; at most {most:,} are kept.")
    return text


def arguments_fit(arguments: Mapping[str, Any]) -> bool:
    """Whether a job can keep these arguments."""
    return len(json.dumps(arguments, separators=(",", ":"))) <= MOST_ARGUMENTS


def facts_json(facts: Mapping[str, Any]) -> str:
    """The facts as JSON. Those that are none, or too long, are named in ``not_kept``: no job's end fails for them."""
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for name, fact in facts.items():
        try:
            as_json({**kept, name: fact}, MOST_FACTS - MOST_NAMES, "facts")
        except (TypeError, ValueError, RecursionError):
            left_out.append(str(name))
        else:
            kept[name] = fact
    return as_json({**kept, "not_kept": _shortened(left_out)} if left_out else kept, MOST_FACTS, "facts")


def _shortened(names: Sequence[str]) -> list[str]:
    return [name[:40] for name in names[:20]]


def storable(text: str) -> str:
    """Text that every database can hold: NUL and lone surrogates as escapes, and cut where it is very long."""
    text = "".join(rf"\u{ord(c):04x}" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def counts(progress: Progress) -> dict[str, Any]:
    """The progress as columns. A total that is not known leaves what was known of it."""
    return {name: count for name, count in asdict(progress).items() if count is not None}


def noted(checkpoint: Mapping[str, Any], progress: Progress, rate: float | None) -> dict[str, Any]:
    """The columns of a job, or of a share, that says how far it is.

    A note that says what the one before it said is no sign of progress: what ends each worker after it is found out.
    """
    text = as_json(checkpoint, MOST_CHECKPOINT, "checkpoint")
    same = When(checkpoint=text, done=progress.done, skipped=progress.skipped, failed=progress.failed, then=F("deaths"))
    deaths = Case(same, default=0)
    return {"checkpoint": text, "rate": rate, "deaths": deaths, "tries": 0, "problem": "", **counts(progress)}


def ended(state: State, ending: Ending) -> dict[str, Any]:
    """The columns of a job that ends now. The record does not know it yet."""
    return {"state": state, "ending": ending, "ended": Now(), "busy": None, "wish": Wish.NONE, "recorded": False}


def cancelled(row: JobRow, *, tidy: bool) -> dict[str, Any]:
    """The columns of a job that is cancelled now. ``tidy``: nothing of it is half done.

    What was skipped may be what a run did before it was killed, so it is no proof that nothing was changed.
    """
    ending = Ending.PARTLY_DONE if row.done else Ending.FAILED if tidy and not row.skipped else Ending.UNKNOWN
    return {**RELEASED, **ended(State.CANCELLED, ending), "problem": f"Cancelled by {row.stopped_by}.", "tidy": tidy}


CHANNEL = "eventdesk_jobs"
"""Where PostgreSQL tells workers that there may be work."""


def wake() -> None:
    """Tell the workers that listen that there may be work, once the running transaction is committed."""
    connection = connections[router.db_for_write(JobRow)]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
