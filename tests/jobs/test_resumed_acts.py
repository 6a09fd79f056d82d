"""An act whose job failed and was resumed may change its resource again, though the record has an end of it."""

from dataclasses import replace

import pytest

from dashboard.auditing import acts
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.jobs import Job, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.model.errors import StoreRefused
from eventstore.model.storage import Storage
from tests.jobs.kinds import ANNA, MAILER, NO_STORAGE, kind_of, known
from tests.safeguards import yes


@pytest.mark.usefixtures("desk_databases")
def test_an_act_whose_job_was_resumed_counts_as_one_that_may_have_changed_its_resource() -> None:
    fails = [True, True, False]

    def run(storage: Storage, job: Job, work: Worker) -> None:
        if fails.pop(0):
            raise StoreRefused("No.")

    jobs = JobFace(storage=NO_STORAGE, safeguards=replace(SAFEGUARDS, authorizer=yes))
    kind = kind_of(run)
    newest: list[bool] = []
    with known(kind):
        job = jobs.enqueue(kind, MAILER, {}, actor=ANNA, reason="SUP-1")
        for _ in range(3):
            newest.append(SAFEGUARDS.record.newest(MAILER) > 0)
            jobs.run_until_idle()
            newest.append(SAFEGUARDS.record.newest(MAILER) > 0)
            if jobs.get(job.id).state is State.FAILED:
                jobs.resume(ANNA, job.id)
    assert newest == [True, False, True, False, True, True]
    act = acts.newest(MAILER)
    assert act is not None
    assert str(act.act) == job.act
