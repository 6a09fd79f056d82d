"""A replay that tries one aggregate first: over HTTP, from the preview to the rest of the same plan."""

from collections.abc import Iterator
from html import unescape
from re import findall

import pytest

from eventstore.jobs import Job, State
from tests.contract.helpers import eventually
from tests.web.desk import Desk, attribute, text
from tests.web.replaying import PROJECTION, REPLAY_TOPIC, declared, furnish, join
from tests.web.test_replays_asked import EVERYTHING, NEW, approve, asked_for, confirm, preview


@pytest.fixture
def replaying(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("eventstore.replays.watching.following.STAY_SECONDS", 0.0)
    with declared():
        furnish(desk, mine=3, others=4)
        yield desk


def newest(desk: Desk) -> Job:
    return desk.faces.jobs.newest(limit=1)[0]


def test_one_aggregate_is_tried_and_then_the_rest_is_replayed_after_an_approval(replaying: Desk) -> None:
    whole = preview(replaying, EVERYTHING)
    assert (attribute(whole, "data-events"), "data-approval" in whole.content.decode()) == (["7"], True)
    (query,) = findall(r'id="canary" href="\?([^"]+)"', whole.content.decode())
    first = replaying.get(f"{NEW}?{unescape(query)}")
    assert attribute(first, "data-events") == ["3"]
    assert "Replay 3 events of patient 4711 to app-timeline" in text(first)
    assert "data-approval" not in first.content.decode()
    assert 'id="canary"' not in first.content.decode()
    assert confirm(replaying, first).status_code == 302
    tried = newest(replaying)
    assert "replay the rest" not in text(replaying.get(f"/replays/{tried.id}/"))
    finish(replaying, tried)
    assert "replay the rest" in text(replaying.get(f"/replays/{tried.id}/"))
    assert "replay the rest" not in text(replaying.get(f"/replays/{tried.id}/", "viewer"))
    rest = preview(replaying, {"canary_of": tried.id})
    assert (attribute(rest, "data-events"), "The rest of the plan" in text(rest)) == (["4"], True)
    assert confirm(replaying, rest).status_code == 302
    later = newest(replaying)
    assert (later.state, approve(replaying, later).status_code) == (State.WAITING, 302)
    replaying.faces.jobs.run_until_idle()
    copies = replaying.log.read_forward(REPLAY_TOPIC, 0, limit=20)
    assert sorted(copy.properties["ce_id"] for copy in copies) == sorted({copy.properties["ce_id"] for copy in copies})
    assert len(copies) == 7


def test_there_is_no_rest_of_a_replay_that_tried_nothing_or_is_not_there(replaying: Desk) -> None:
    job = asked_for(replaying, {"projection": PROJECTION, "type": "patient", "id": "4711"})
    assert preview(replaying, {"canary_of": job.id}).status_code == 409
    assert preview(replaying, {"canary_of": "0" * 12}).status_code == 404


def finish(desk: Desk, job: Job) -> None:
    """The worker sends, the projection handles the copies, and the worker sees it."""
    desk.faces.jobs.run_until_idle()
    join(desk, topic=REPLAY_TOPIC, handled=3)

    def has_ended() -> bool:
        desk.faces.jobs.run_until_idle()
        return desk.faces.jobs.get(job.id).state.has_ended

    assert eventually(has_ended)
    assert desk.faces.jobs.get(job.id).state is State.SUCCEEDED
