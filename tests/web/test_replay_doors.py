"""The two doors to a replay, its pages and the command line: each refuses and lets through the same."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from dashboard.auditing.acts import acts
from eventstore.jobs import Job, State
from eventstore.jobs.models import JobRow
from eventstore.model.subscriptions import SubscriptionType
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, hidden, text
from tests.web.replaying import DECLARED, PROJECTION, REPLAY_TOPIC, declared, furnish, join, trim

WHY, TICKET = "The document is missing in the app", "SUP-8812"
UNORDERED = DECLARED.replace("purpose =", "ordered = false\npurpose =")
"""The projection does not need the order, so that the type of its subscription is no hazard."""


@dataclass(frozen=True)
class Pages:
    desk: Desk

    def planned(self) -> Any:
        query = {"projection": PROJECTION, "kind": "everything", "way": "topic"}
        return self.desk.get(f"/replays/new/?{urlencode(query)}")

    def start(self, planned: Any, by: str = "support") -> str:
        """Confirm what was planned; return why not, or nothing."""
        given = {**hidden(planned), "reason": WHY, "ticket": TICKET, "read": attribute(planned, "data-hazard")}
        return _said(self.desk.client(by).post("/replays/confirmations/", given))

    def approve(self, job: Job, by: str, digest: str) -> str:
        given = {"digest": digest, "since": str(self.desk.faces.jobs.newest_act(job))}
        return _said(self.desk.client(by).post(f"/replays/{job.id}/approvals/", given))


@dataclass(frozen=True)
class Shell:
    desk: Desk

    def planned(self) -> Any:
        out = io.StringIO()
        call_command("replay", "plan", PROJECTION, "--everything", "--way", "topic", stdout=out)
        (line,) = [line for line in out.getvalue().splitlines() if "Code:" in line]
        return line.split(": ")[1]

    def start(self, planned: Any, by: str = "support") -> str:
        what = (PROJECTION, "--everything", "--way", "topic", "--accept-hazards")
        return self._run("start", *what, "--confirm", planned, "--ticket", TICKET, "--reason", WHY, "--as", by)

    def approve(self, job: Job, by: str, digest: str) -> str:
        return self._run("approve", job.id, "--digest", digest, "--as", by)

    def _run(self, *arguments: str) -> str:
        try:
            call_command("replay", *arguments, stdout=io.StringIO())
        except CommandError as refused:
            assert refused.returncode == 2
            return str(refused)
        return ""


def _said(answer: Any) -> str:
    return "" if answer.status_code == 302 else f"{answer.status_code} {text(answer)}"


def age(desk: Desk) -> None:
    """New events, which the projection handles, and a member that comes and goes."""
    desk.publish(2, start=30)
    join(desk, handled=2)


def move_back(desk: Desk) -> None:
    third = desk.log.read_forward(TOPIC, 0, limit=3)[2].position
    desk.subscriptions.reset_cursor(desk.log.topic(TOPIC).name, PROJECTION, {0: third})


def other_type(desk: Desk) -> None:
    """Of the subscription that gets the copies."""
    join(desk, topic=REPLAY_TOPIC, type=SubscriptionType.SHARED)


def no_reader(desk: Desk) -> None:
    """A hazard that was not there, and nothing else: the replay topic's subscription is gone."""
    desk.subscriptions.delete(desk.log.topic(REPLAY_TOPIC).name, PROJECTION)


CHANGES: Mapping[str, tuple[Callable[[Desk], None] | None, bool]] = {
    "part of it was removed by retention": (None, True),
    "the cursor went back": (move_back, True),
    "the type of the subscription changed": (other_type, True),
    "there is a new hazard": (no_reader, True),
    "it has merely aged": (age, False),
}
"""What happens after a plan was made, and whether the plan is stale then."""


@pytest.fixture(params=[Pages, Shell])
def door(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Any]:
    for role in ("support", "approver", "admin"):
        person(role)
    with declared(UNORDERED):
        furnish(desk)
        yield request.param(desk)


def happens(desk: Desk, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act = CHANGES[change][0]
    if act is None:
        trim(desk, 1, monkeypatch)
    else:
        act(desk)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_confirmed_is_what_would_happen_now(door: Any, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = door.planned()
    happens(door.desk, change, monkeypatch)
    refused = door.start(planned)
    if CHANGES[change][1]:
        assert "has changed since you looked" in refused
        assert not door.desk.faces.jobs.newest() and not acts(action="replay_events")
    else:
        assert not refused
        (job,) = door.desk.faces.jobs.newest()
        assert (job.state, job.progress.total) == (State.WAITING, 7)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_approved_is_what_would_happen_now(door: Any, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = waiting(door)
    happens(door.desk, change, monkeypatch)
    refused = door.approve(job, "approver", job.digest)
    if CHANGES[change][1]:
        assert "It has changed since it was asked for" in refused
    else:
        assert not refused
    assert state_of(door, job) is (State.WAITING if CHANGES[change][1] else State.QUEUED)


def test_nobody_approves_their_own_or_without_the_right_or_another_plan_or_too_late(door: Any) -> None:
    job = waiting(door, "approver")
    assert "You asked for it yourself" in door.approve(job, "approver", job.digest)
    assert door.approve(job, "support", job.digest)
    for other in (job.digest.replace(job.digest[:4], "ffff"), job.digest + ",1.0:9"):
        assert "not the plan of this job" in door.approve(job, "admin", other)
    assert state_of(door, job) is State.WAITING and not acts(action="approve_job")
    JobRow.objects.filter(id=job.id).update(approve_by=Now() - timedelta(seconds=1))
    assert door.approve(job, "admin", job.digest)
    assert state_of(door, job) is State.CANCELLED and not acts(action="approve_job")


def waiting(door: Any, by: str = "support") -> Job:
    """A replay that waits for a second person."""
    assert not door.start(door.planned(), by)
    job: Job = door.desk.faces.jobs.newest(limit=1)[0]
    assert job.state is State.WAITING
    return job


def state_of(door: Any, job: Job) -> State:
    found: Job = door.desk.faces.jobs.get(job.id)
    return found.state
