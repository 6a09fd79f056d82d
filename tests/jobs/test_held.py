"""What an exclusive job holds beside its own resource."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eventstore.actions import Resource, subscription_resource
from eventstore.jobs import Job
from eventstore.jobs.face import JobFace
from eventstore.model.errors import ResourceBusy
from tests.jobs.kinds import BERT, COUNT, MAILER, asked, known

COPIES = subscription_resource("letters-replay", "mailer")
OTHER = subscription_resource("letters-replay", "printer")


def copies_too(job: Job) -> Sequence[Resource]:
    return [COPIES] if job.resource == MAILER else []


def test_while_a_job_has_not_ended_nothing_acts_on_what_it_holds_beside_its_own_resource(jobs: JobFace) -> None:
    locks = jobs._safeguards.locks
    with known(replace(COUNT, holds=copies_too)):
        job = asked(jobs)
        for resource in (MAILER, COPIES):
            with pytest.raises(ResourceBusy, match=f"{resource.title} is being counted by the job {job.id}"):
                locks.acquire(resource, BERT, "is being reset")
        locks.acquire(OTHER, BERT, "is being reset").release()
        jobs.cancel(BERT, job.id, reason="SUP-2")
        locks.acquire(COPIES, BERT, "is being reset").release()
