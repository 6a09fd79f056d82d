"""Jobs under people, workers and crashes between any two steps: what may happen, and what holds whatever happens.

A step is a statement to the database, or a word to the record. A worker or a person's process that crashes does nothing after
that step. Whatever happens: states change only as ``TRANSITIONS`` says, what has ended stays ended, nothing counted is lost or
counted twice, a resource has one job, and in the end every job has ended and the record knows how.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventstore.actions import Resource, subscription_resource
from eventstore.jobs import Interruption, Job, JobInterrupted, JobRefused, Progress, State, Worker, lookup, wishes
from eventstore.jobs.job import ENDED, TRANSITIONS
from eventstore.jobs.models import JobRow, JobWorkerRow
from eventstore.jobs.running import queue
from eventstore.jobs.running.worker import Runner, run_next
from eventstore.jobs.settling import outcome_of_row, settle
from eventstore.model.errors import ResourceBusy, StoreRefused, StoreUnreachable
from eventstore.model.storage import Storage
from tests.jobs.crashing import Crash, CrashingActs, Steps
from tests.jobs.kinds import ANNA, BERT, NO_STORAGE, face_of, kind_of, known

RESOURCES = [subscription_resource("letters", name) for name in ("mailer", "printer")]
TOTAL = 3
MOST_STEPS = 40
"""Later crashes come after the end of whatever is done here."""
CRASHES = st.none() | st.integers(0, MOST_STEPS)
SCRIPTS = st.lists(
    st.sampled_from(["step", "step", "pause", "resume", "cancel", "stop", "taken over", "away", "refused", "bug"]), max_size=5
)


class Jobs(RuleBasedStateMachine):
    """``counted`` is the store: what was counted for each job, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.record, self.dead = Steps(), CrashingActs(), set[str]()
        self.record.steps = self.steps
        self.jobs = face_of(self.record)
        self.counted: dict[str, list[int]] = {}
        self.seen: dict[str, JobRow] = {}
        self.script: Sequence[str] = ()
        self.interrupted: tuple[str, Interruption] | None = None
        self.lost = False
        self.wrong: list[str] = []
        self.workers = 0
        self.stop = threading.Event()
        self.kind = kind_of(self.run)
        self.knows = known(self.kind)
        self.knows.__enter__()
        for module in (queue, wishes, lookup):
            vars(module)["is_dead"] = self.dead.__contains__

    def teardown(self) -> None:
        try:
            self.everything_comes_to_an_end()
        finally:
            self.knows.__exit__(None, None, None)
            JobRow.objects.all().delete()
            JobWorkerRow.objects.all().delete()

    # -- what a run does

    def run(self, storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
        """Count to ``TOTAL``, as the script says. What was counted and not saved is recognised."""
        counted = self.counted.setdefault(job.id, [])
        done = len(counted)
        self.save(job, work, done)
        for word in self.script:
            if word == "step":
                self.steps.one()
                counted.append(done + 1)
                done += 1
                self.save(job, work, done)
            else:
                self.meanwhile(word, job)
        return {"counted": done}

    def save(self, job: Job, work: Worker, done: int) -> None:
        try:
            work.save({"done": done}, Progress(done=done, total=TOTAL))
        except JobInterrupted as interrupted:
            self.interrupted = job.id, interrupted.why
            raise
        if self.lost:
            self.wrong.append("saved, although another worker had the job")

    def meanwhile(self, word: str, job: Job) -> None:
        match word:
            case "stop":
                self.stop.set()
            case "taken over":
                self.lease_passes()
                taken = queue.take(self.worker(), [self.kind.name])
                if taken is not None:
                    self.dead.add(taken.lease.owner)
                    self.lost = self.lost or taken.job.id == job.id
            case "away":
                raise StoreUnreachable("The store does not answer.")
            case "refused":
                raise StoreRefused("The store refuses it.")
            case "bug":
                raise ValueError("a payload")
            case _:
                self.wish(word, job.id)

    def wish(self, word: str, id: str) -> None:
        with suppress(JobRefused, ResourceBusy):
            getattr(self.jobs, word)(BERT, id)

    def worker(self) -> str:
        self.workers += 1
        return f"worker-{self.workers}"

    # -- what happens

    @rule(resource=st.sampled_from(RESOURCES), approval=st.booleans(), crash=CRASHES)
    def somebody_asks(self, resource: Resource, approval: bool, crash: int | None) -> None:
        before = JobRow.objects.filter(busy=resource.key).count()
        try:
            with self.steps.until(crash):
                self.jobs.enqueue(self.kind, resource, {}, actor=ANNA, reason="", total=TOTAL, approval=approval)
        except ResourceBusy:
            assert before == 1
        except Crash:
            return
        else:
            assert before == 0

    @precondition(lambda self: JobRow.objects.exists())
    @rule(data=st.data(), word=st.sampled_from(["pause", "resume", "cancel", "approve"]), crash=CRASHES)
    def somebody_wants_something(self, data: st.DataObject, word: str, crash: int | None) -> None:
        ids = list(JobRow.objects.order_by("number").values_list("id", flat=True))
        self.wished(word, ids[data.draw(st.integers(0, len(ids) - 1), "job")], crash)

    def wished(self, word: str, id: str, crash: int | None) -> None:
        with suppress(Crash), self.steps.until(crash):
            self.wish(word, id)

    @precondition(lambda self: JobRow.objects.exclude(state__in=ENDED).exists())
    @rule(script=SCRIPTS, crash=CRASHES)
    def a_worker_works(self, script: Sequence[str], crash: int | None) -> None:
        owner = self.worker()
        self.script, self.interrupted, self.lost = script, None, False
        try:
            with self.steps.until(crash):
                run_next(self.runner(), owner)
        except Crash:
            pass
        else:
            self.interruptions_are_obeyed()
        self.dead.add(owner)

    @rule()
    def lease_passes(self) -> None:
        JobRow.objects.filter(state=State.RUNNING).update(leased_until=Now() - timedelta(seconds=1))

    @rule()
    def time_passes(self) -> None:
        JobRow.objects.update(not_before=None)

    # -- what holds

    def interruptions_are_obeyed(self) -> None:
        if self.interrupted is None:
            return
        id, why = self.interrupted
        wanted = {Interruption.PAUSE: State.PAUSED, Interruption.CANCEL: State.CANCELLED, Interruption.STOP: State.QUEUED}
        if why in wanted:
            assert JobRow.objects.get(id=id).state == wanted[why], why

    @invariant()
    def nothing_went_wrong_in_a_run(self) -> None:
        assert self.wrong == []

    @invariant()
    def states_change_only_as_they_may(self) -> None:
        for row in JobRow.objects.all():
            before = self.seen.get(row.id)
            if before is not None:
                assert row.state in reachable(State(before.state)), (before.state, row.state)
                assert row.epoch >= before.epoch
                assert row.done >= before.done
                if before.state in (State.SUCCEEDED, State.CANCELLED):
                    assert (row.state, row.ending, row.done, row.ended) == (
                        before.state,
                        before.ending,
                        before.done,
                        before.ended,
                    )
            self.seen[row.id] = row

    @invariant()
    def a_resource_has_one_job(self) -> None:
        for row in JobRow.objects.all():
            assert (row.busy is None) is (row.state in ENDED), row.state
            assert (row.owner != "") is (row.state == State.RUNNING)

    @invariant()
    def nothing_is_counted_twice_or_forgotten(self) -> None:
        for row in JobRow.objects.all():
            counted = self.counted.get(row.id, [])
            assert counted == list(range(1, len(counted) + 1))
            assert row.done <= len(counted)

    @invariant()
    def the_record_knows_no_end_that_did_not_happen(self) -> None:
        acts = {row.act: row for row in JobRow.objects.all()}
        for act, row in acts.items():
            ends = [outcome for other, outcome in self.record.ends if other == act]
            if row.state in ENDED and row.recorded:
                assert ends[-1:] == [outcome_of_row(row)]
            assert len(ends) <= row.epoch + 1

    def everything_holds(self) -> None:
        """All invariants, where hypothesis does not check them."""
        self.nothing_went_wrong_in_a_run()
        self.states_change_only_as_they_may()
        self.a_resource_has_one_job()
        self.nothing_is_counted_twice_or_forgotten()
        self.the_record_knows_no_end_that_did_not_happen()

    def everything_comes_to_an_end(self) -> None:
        self.script = ["step"]
        self.stop.clear()
        for row in JobRow.objects.filter(state=State.WAITING):
            self.jobs.approve(BERT, row.id)
        for row in JobRow.objects.filter(state=State.PAUSED):
            self.jobs.resume(ANNA, row.id)
        self.lease_passes()
        self.time_passes()
        while run_next(self.runner(), self.worker()):
            self.time_passes()
            for row in JobRow.objects.filter(state=State.PAUSED):  # by a wish that was still open
                self.jobs.resume(ANNA, row.id)
        settle(self.record)
        rows = JobRow.objects.all()
        assert {row.state for row in rows} <= ENDED
        assert all(row.recorded and self.record.of(row.act) for row in rows)
        made = {row.act for row in rows}
        for act, (_, action, _, _) in self.record.begun.items():
            assert action != "count" or act in made or len(self.record.of(act)) <= 1

    def runner(self) -> Runner:
        self.stop.clear()
        return Runner(storage=NO_STORAGE, safeguards=self.jobs._safeguards, stop=self.stop)


def reachable(state: State) -> set[State]:
    found, open_ends = {state}, [state]
    while open_ends:
        new = TRANSITIONS[open_ends.pop()] - found
        found |= new
        open_ends += new
    return found
