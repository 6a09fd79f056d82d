"""Redrives that have not done all: letters that were gone, jobs that failed, and what the pages say and offer then."""

from collections.abc import Sequence
from typing import Any

import pytest

from dashboard.auditing.acts import acts
from dashboard.models import State
from eventstore.drivers.database.models import MessageRow
from eventstore.jobs import State as JobState
from eventstore.letters import Letter, face
from eventstore.letters.reading import read_letters
from eventstore.model.events import Position
from eventstore.redrives import sending
from tests.web.desk import TOPIC, Desk, attribute, text
from tests.web.letters import DEAD, URL, dead_lettered, kept
from tests.web.test_redrives import confirm, preview, sent_to


@pytest.fixture
def letters(desk: Desk) -> Sequence[Position]:
    """Four letters of one patient, kept."""
    desk.publish(4)
    desk.subscribe(handled=4)
    positions = dead_lettered(desk, range(4))
    kept(desk)
    return positions


def test_a_redrive_whose_letters_were_partly_gone_has_not_succeeded_and_says_how_many(
    desk: Desk, letters: Sequence[Position]
) -> None:
    answer = confirm(desk, preview(desk))
    MessageRow.objects.filter(partition__topic__name=DEAD, number__lt=2).delete()
    desk.faces.jobs.run_until_idle()
    (job,) = desk.faces.jobs.newest()
    assert (job.state, job.progress.done, job.progress.failed) == (JobState.FAILED, 2, 2)
    assert "2 of 4 were no longer there" in text(desk.get(answer["Location"]))
    assert (acts(action="redrive_letters")[0].state, sent_to(desk, TOPIC)) == (State.PARTLY_DONE, ["e-2", "e-3"])


def test_after_a_job_that_failed_a_new_preview_leads_to_a_new_job_and_the_old_one_to_the_old(
    desk: Desk, letters: Sequence[Position], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: Any) -> Any:
        raise KeyError("anything")

    shown = preview(desk)
    with monkeypatch.context() as patched:
        patched.setattr(sending, "copies_of", failing)
        first = confirm(desk, shown)
        desk.faces.jobs.run_until_idle()
    assert desk.faces.jobs.newest()[0].state is JobState.FAILED
    repeated = confirm(desk, shown)
    assert repeated["Location"] == first["Location"]
    assert "its job has not done all of it" in text(desk.get(repeated["Location"]))
    anew = confirm(desk, preview(desk))
    assert anew["Location"] != first["Location"]
    desk.faces.jobs.run_until_idle()
    assert sent_to(desk, TOPIC) == ["e-0", "e-1", "e-2", "e-3"]


def test_a_confirmation_goes_through_the_letters_once_and_a_filtered_one_through_a_bounded_number(
    desk: Desk, letters: Sequence[Position], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counting(*given: Any) -> list[Letter]:
        read.append(len(given[3]))
        return read_letters(*given)

    monkeypatch.setattr(face, "read_letters", counting)
    monkeypatch.setattr("eventstore.redrives.choosing.MOST_SEARCHED", 3)
    monkeypatch.setattr("eventstore.redrives.plan.MOST_SEARCHED", 3)
    shown = preview(desk, filter="id:e-*")
    assert "Only the 3 oldest waiting letters were looked at." in text(shown)
    assert (attribute(shown, "data-redrive"), sum(read)) == (["3"], 3)
    read.clear()
    assert confirm(desk, shown).status_code == 302
    assert sum(read) == 3
    desk.faces.jobs.run_until_idle()
    assert attribute(desk.get(URL), "data-event-id") == ["e-3"]
