"""A second person approves the very plan of a job, in time, and one person asks for only so much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from eventstore.actions import Actor, Confirmation
from eventstore.jobs import Approval, Job, JobRefused, JobRequest, PlannedJobKind, State, lookup
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.model.errors import StalePlan
from tests.jobs.kinds import ANNA, BERT, COUNT, MAILER, Acts, known

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Plan:
    digest: str = "d1"

    def confirmed_by(self, digest: str) -> bool:
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        return {}


def refuse_bert(plan: Plan, actor: Actor) -> None:
    if actor == BERT:
        raise JobRefused("Too much for one person.")


PLANNED: PlannedJobKind[None, Plan] = PlannedJobKind(
    name="planned_count",
    acts_on=COUNT.acts_on,
    title="Count",
    doing="is being counted",
    undo=COUNT.undo,
    run=COUNT.run,
    plan=lambda storage, resource, aim: Plan(),
    request=lambda plan: JobRequest(arguments={}, total=3, approve_within=AN_HOUR),
    check=refuse_bert,
)


@dataclass
class Agreeing:
    """Anna's job that waits, and people who agree to it."""

    jobs: JobFace
    asked: list[Job] = field(default_factory=list)

    def ask(self, actor: Actor = ANNA) -> Job:
        confirmation = Confirmation(digest="d1", since=0)
        return self.jobs.confirm(actor, PLANNED, MAILER, None, confirmation=confirmation, reason="SUP-1")

    def agree(self, job: Job, digest: str = "d1", now: str = "d1", by: Actor = BERT) -> Job:
        return self.jobs.approve(by, job.id, approval=Approval(digest=digest, plan_again=lambda: Plan(now)))


def test_only_another_person_approves_only_that_plan_only_while_it_is_good_and_only_in_time(
    jobs: JobFace, record: Acts
) -> None:
    with known(PLANNED):
        there = Agreeing(jobs)
        with pytest.raises(JobRefused, match="Too much for one person"):
            there.ask(BERT)
        assert not jobs.newest() and not record.begun
        job = there.ask()
        assert (job.state, job.digest, jobs.run_until_idle()) == (State.WAITING, "d1", 0)
        with pytest.raises(JobRefused, match="You asked for it yourself"):
            there.agree(job, by=ANNA)
        with pytest.raises(JobRefused, match="Its plan has to be looked at"):
            jobs.approve(BERT, job.id)
        with pytest.raises(JobRefused, match="not the plan of this job"):
            there.agree(job, digest="d2")
        with pytest.raises(StalePlan):
            there.agree(job, now="d3")
        approved = there.agree(job)
        assert approved.approver == BERT
        assert approved.approved is not None and approved.approve_by is not None
        assert approved.approve_by - approved.approved == AN_HOUR
        assert (jobs.run_until_idle(), jobs.get(job.id).state) == (1, State.SUCCEEDED)
        assert lookup.asked_for("anna", kind=PLANNED.name, on=MAILER, since=timezone.now() - AN_HOUR) == 3
        assert lookup.asked_for("bert", kind=PLANNED.name, on=MAILER, since=timezone.now() - AN_HOUR) == 0


def test_what_was_not_approved_in_time_ends_and_keeps_nothing_busy(jobs: JobFace, record: Acts) -> None:
    with known(PLANNED):
        there = Agreeing(jobs)
        late = there.ask()
        JobRow.objects.filter(id=late.id).update(approve_by=Now() - timedelta(seconds=1))
        with pytest.raises(JobRefused):
            there.agree(late)
        assert jobs.get(late.id).state is State.CANCELLED
        forgotten = there.ask()
        JobRow.objects.filter(id=forgotten.id).update(approve_by=Now() - timedelta(seconds=1))
        following = there.ask()  # the one before is no longer in its way
        assert (jobs.get(forgotten.id).state, following.state) == (State.CANCELLED, State.WAITING)
        there.agree(following)
        JobRow.objects.filter(id=following.id).update(approve_by=Now() - timedelta(seconds=1))
        jobs.run_until_idle()
        ended = jobs.get(following.id)
        assert (ended.state, ended.problem[:26]) == (State.FAILED, "Its approval was good unti")
        jobs.resume(ANNA, following.id)
        jobs.run_until_idle()
        assert jobs.get(following.id).state is State.FAILED  # resuming is no way around it
        assert record.of(late.act) == record.of(forgotten.act) == ["failed"]
