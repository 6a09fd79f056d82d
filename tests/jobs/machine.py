"""Jobs under people, workers and crashes between any two steps: what may happen, and what holds whatever happens.

A step is a statement to the database, or a word to the record. A worker or a person's process that crashes does nothing after
that step. Whatever happens: states change only as ``TRANSITIONS`` says, what has ended stays ended, nothing counted is lost or
counted twice, a resource has one job, and in the end every job has ended and the record knows how.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventstore.actions import Resource, subscription_resource
from eventstore.jobs import Interruption, Job, JobInterrupted, JobRefused, Progress, State, Worker, lookup, wishes
from eventstore.jobs.job import ENDED
from eventstore.jobs.models import JobRow, JobWorkerRow
from eventstore.jobs.running import queue
from eventstore.jobs.running.worker import Runner, run_next
from eventstore.jobs.settling import outcome_of_row, settle
from eventstore.model.errors import ResourceBusy, StoreRefused, StoreUnreachable
from eventstore.model.storage import Storage
from tests.jobs.crashing import Crash, CrashingActs, Gone, Steps
from tests.jobs.kinds import ANNA, BERT, NO_STORAGE, face_of, kind_of, known, reachable

RESOURCES = [subscription_resource("letters", name) for name in ("mailer", "printer")]
TOTAL = 2
MOST_STEPS = 40
"""Later crashes come after the end of whatever is done here."""
CRASHES = st.none() | st.integers(0, MOST_STEPS)
OTHERS = {"taken over": ["step", "away"], "taken and lost": ["step", "gone"], "taken and done": []}
"""What another worker does that takes the job while the first one does not know it."""
WORDS = ["step", "step", "pause", "resume", "cancel", "stop", *OTHERS, "another comes", "away", "refused", "bug"]
SCRIPTS = st.lists(st.sampled_from(WORDS), max_size=5)


class Jobs(RuleBasedStateMachine):
    """``counted`` is the store: the numbers counted for each job, in order, with the epochs of the runs that did."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.record, self.dead = Steps(), CrashingActs(), set[str]()
        self.record.steps = self.steps
        self.jobs = face_of(self.record)
        self.counted: dict[str, list[tuple[int, int]]] = {}
        self.saved: dict[str, int] = {}
        self.seen: dict[str, JobRow] = {}
        self.script: Sequence[str] = ()
        self.interrupted: tuple[str, Interruption] | None = None
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
        """Count from the checkpoint on, as the script says, and then to ``TOTAL``. It knows nothing but its checkpoint."""
        done, script = int(job.checkpoint.get("done", 0)), self.script
        self.save(job, work, done)
        for word in [*script, *["step"] * TOTAL]:
            if word != "step":
                self.meanwhile(word, job)
            elif done < TOTAL:
                self.steps.one()
                done += 1
                self.count(job, done)
                self.save(job, work, done)
        return {"counted": done}

    def count(self, job: Job, number: int) -> None:
        """A run that has the job counts only what was not saved yet."""
        row, saved = self.row_of(job), self.saved.get(job.id, 0)
        if row.epoch == job.epoch and (number != row.done + 1 or number <= saved):
            self.wrong.append(f"counted {number}, although {saved} was saved")
        self.counted.setdefault(job.id, []).append((number, job.epoch))

    def save(self, job: Job, work: Worker, done: int) -> None:
        try:
            work.save({"done": done}, Progress(done=done, total=TOTAL))
        except JobInterrupted as interrupted:
            self.interrupted = job.id, interrupted.why
            raise
        if self.row_of(job).epoch != job.epoch:
            self.wrong.append("saved, although another worker had the job")
        self.saved[job.id] = max(done, self.saved.get(job.id, 0))

    def row_of(self, job: Job) -> JobRow:
        with self.steps.looking():
            return JobRow.objects.get(id=job.id)

    def meanwhile(self, word: str, job: Job) -> None:
        match word:
            case "stop":
                self.stop.set()
            case "taken over" | "taken and lost" | "taken and done":
                self.lease_passes()
                self.another_worker_works(OTHERS[word])
            case "another comes":
                self.another_worker_comes(job)
            case "gone":
                raise Gone
            case "away":
                raise StoreUnreachable("The store does not answer.")
            case "refused":
                raise StoreRefused("The store refuses it.")
            case "bug":
                raise ValueError("a payload")
            case _:
                self.wish(word, job.id)

    def another_worker_works(self, other: Sequence[str]) -> None:
        """Within the run of one that does not know that its lease has passed, and that goes on after it."""
        owner, script = self.worker(), self.script
        self.script = other
        try:
            with suppress(Gone):
                run_next(self.runner(), owner)
        finally:
            self.script, self.interrupted = script, None
            self.dead.add(owner)

    def another_worker_comes(self, job: Job) -> None:
        """While the lease lasts, it does not get the job."""
        has_it = JobRow.objects.filter(id=job.id, epoch=job.epoch, leased_until__gt=Now()).exists()
        taken = queue.take(self.worker(), [self.kind.name])
        if taken is not None:
            self.dead.add(taken.lease.owner)
            if has_it and taken.job.id == job.id:
                self.wrong.append("taken, although its worker had the lease")

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
        self.script, self.interrupted = script, None
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
        """What was saved was counted. A run counts a number once, and at most one that it could not save: only that one is
        counted by another run again."""
        for row in JobRow.objects.all():
            counted = self.counted.get(row.id, [])
            assert {number for number, _ in counted} >= set(range(1, row.done + 1))
            assert len(set(counted)) == len(counted)
            assert row.done == TOTAL or row.state != State.SUCCEEDED
            again = Counter(number for number, _ in counted)
            assert sum(again.values()) - len(again) <= row.epoch
            for number in again:
                epochs = [epoch for other, epoch in counted if other == number]
                last = {epoch: max(other for other, of in counted if of == epoch) for epoch in epochs}
                assert all(last[epoch] == number for epoch in sorted(epochs)[:-1]), (number, counted)

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
        self.script = []
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
