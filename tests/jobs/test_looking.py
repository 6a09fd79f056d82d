"""Looking at jobs, what their rows can hold, and the command that runs them."""

import pytest
from django.core.management import call_command

from eventstore.actions import Resource, subscription_resource
from eventstore.jobs import State
from eventstore.jobs.face import JobFace
from tests.jobs.kinds import ANNA, COUNT, MAILER, asked, counting, kind_of, known


def test_texts_that_a_database_cannot_hold_survive_in_names_and_arguments(jobs: JobFace) -> None:
    odd = Resource(kind="topic", topic="a\0b\ud800", name="…")
    with known(COUNT):
        job = jobs.enqueue(COUNT, odd, {"key": "\0\udfff"}, actor=ANNA, reason="x\0y")
    found = jobs.get(job.id)
    assert (found.resource, found.arguments, found.reason) == (odd, {"key": "\0\udfff"}, "x\\u0000y")
    assert jobs.open_on(odd) == found


def test_jobs_are_listed_newest_first_page_by_page(jobs: JobFace) -> None:
    kind = kind_of(counting(1), exclusive=False)
    with known(kind):
        made = [asked(jobs, kind) for _ in range(5)]
        jobs.cancel(ANNA, made[2].id)
    newest = jobs.newest(limit=2)
    assert [job.id for job in newest] == [made[4].id, made[3].id]
    assert [job.id for job in jobs.newest(limit=9, before=newest[-1].number)] == [made[2].id, made[1].id, made[0].id]
    assert [job.id for job in jobs.newest(limit=9, states=[State.CANCELLED])] == [made[2].id]
    assert len(jobs.newest(limit=9, on=MAILER, kind="count")) == 5
    assert len(jobs.newest(limit=9, on=[subscription_resource("letters", "printer"), MAILER])) == 5
    assert jobs.newest(limit=9, on=[]) == []
    assert jobs.newest(limit=9, kind="other") == []


def test_the_command_runs_what_is_due_and_says_what_it_did(jobs: JobFace, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("run_jobs", "--until-idle")
    assert capsys.readouterr().out == "0 runs; no job is due.\n"
