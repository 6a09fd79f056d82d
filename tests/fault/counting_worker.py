"""A worker process that knows one kind of job more, which writes its numbers into a file: the one that the job names.

``ask FOLDER TOTAL NUMBER [THROTTLE]`` asks for so many jobs, as "anna"; ``plant FOLDER ID`` asks for one of this id,
and pauses it. ``work`` is a worker until a signal comes. ``show`` prints what has become of the jobs and the record, as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from dashboard import gateway  # noqa: E402
from dashboard.access.policy import HELPERS, Rule, allow  # noqa: E402
from dashboard.auditing.acts import acts  # noqa: E402
from dashboard.auditing.verification import verify  # noqa: E402
from dashboard.models import AuditEntry, Role  # noqa: E402
from eventstore.actions import register, topic_resource  # noqa: E402
from eventstore.jobs import Job, Progress, Worker  # noqa: E402
from eventstore.jobs.models import JobRow  # noqa: E402
from eventstore.model.storage import Storage  # noqa: E402
from tests.jobs.kinds import kind_of  # noqa: E402
from tests.people import actor, person  # noqa: E402


def count(storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
    """Write each number as a line, before it is saved. Lines that are there already are recognised.

    It counts no further than the number in the file ``limit`` beside its own, if there is one.
    """
    path, total = Path(job.arguments["file"]), int(job.arguments["total"])
    limit = path.with_name("limit")
    done = len(path.read_bytes().splitlines()) if path.exists() else 0
    work.save({"done": done}, Progress(done=done, total=total))
    with path.open("ab", buffering=0) as file:
        while done < total:
            work.throttled(1)
            if limit.exists() and done >= int(limit.read_text() or 0):
                time.sleep(0.01)
            else:
                done += 1
                file.write(b"%d\n" % done)
            work.save({"done": done}, Progress(done=done, total=total))
    return {"counted": done}


COUNT = register(kind_of(count))
allow(COUNT, Rule(roles=HELPERS))


def ask(folder: str, total: str, number: str, throttle: str = "") -> None:
    anna = actor(person(Role.SUPPORT, "anna"))
    for place in range(int(number)):
        arguments = {"file": f"{folder}/{place}.txt", "total": int(total)}
        jobs = gateway.desk().jobs
        jobs.enqueue(
            COUNT,
            topic_resource(f"t-{place}"),
            arguments,
            actor=anna,
            reason="SUP-1",
            total=int(total),
            throttle=float(throttle) if throttle else None,
        )


def plant(folder: str, id: str) -> None:
    """A job of this id, for a page with an address that is known before."""
    ask(folder, "12", "1")
    JobRow.objects.update(id=id)
    gateway.desk().jobs.pause(actor(person(Role.SUPPORT, "anna")), id)


def work() -> None:
    call_command("run_jobs")


def show() -> dict[str, Any]:
    jobs = gateway.desk().jobs.newest(limit=100)
    return {
        "jobs": [[job.state, job.progress.done, job.wish] for job in jobs],
        "epochs": sum(job.epoch for job in jobs),
        "acts": sorted([act.actor, str(act.state), act.outcome.get("counted")] for act in acts(limit=100, action="count")),
        "entries": AuditEntry.objects.filter(action="count").count(),
        "chain": str(verify()),
        "workers": gateway.desk().jobs.workers(),
    }


def main(command: str, *arguments: str) -> None:
    try:
        sys.stdout.write(json.dumps({"ask": ask, "plant": plant, "work": work, "show": show}[command](*arguments)) + "\n")  # type: ignore[operator]
    finally:
        gateway.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
