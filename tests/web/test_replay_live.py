"""The page of one replay: what is sent, consumed and left, its events, its log, its plan and its report."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from eventstore.jobs import State
from eventstore.jobs.history import TurnKind, note
from eventstore.jobs.models import JobRow
from eventstore.model.events import NewMessage, Position
from eventstore.replays import Kind, ReplayOrder, Way, What
from eventstore.replays.watching import Looks
from tests.planted_replay import JOB, READER, copied, planted, replay_order
from tests.web.desk import TOPIC, Desk, attribute, text

PAGE = f"/replays/{JOB}/"


@pytest.fixture
def order(desk: Desk) -> ReplayOrder:
    desk.publish(2)
    return replay_order(TOPIC, desk.log.read_forward(TOPIC, 0, limit=10))


@pytest.fixture
def places(desk: Desk, order: ReplayOrder) -> Sequence[Position]:
    return copied(desk.faces, order, desk.log.read_forward(TOPIC, 0, limit=10))


def title_of(answer: Any) -> str:
    (found,) = re.findall(r"<title>(.*?)</title>", answer.content.decode())
    return str(found)


def test_it_shows_event_by_event_what_is_sent_and_what_is_consumed(
    desk: Desk, order: ReplayOrder, places: Sequence[Position]
) -> None:
    planted(order, places)
    answer = desk.get(PAGE)
    seen = text(answer)
    assert "Replay 2 events of patient 4711 to app-timeline" in seen
    assert "0 of 2 consumed" in seen and "2 sent" in seen
    assert "app-timeline has acknowledged the copy on patients-replay" in seen
    assert attribute(answer, "data-is-consumed") == ["0", "0"]
    assert "waiting for a consumer" in seen
    desk.handle(1, name=READER, topic=order.target)
    desk.faces.replays._seen.clear()  # an answer serves for a moment
    answer = desk.get(PAGE, fragment=True)
    assert "1 of 2 consumed" in text(answer)
    assert attribute(answer, "data-is-consumed") == ["1", "0"]
    assert title_of(answer).startswith("50 % · Replay 2 events of patient 4711")
    assert "Replay 2 events" in title_of(desk.get(PAGE))
    assert attribute(answer, "aria-valuenow") == ["50"]


def test_who_asked_and_why_is_for_those_who_may_read_the_record(
    desk: Desk, order: ReplayOrder, places: Sequence[Position]
) -> None:
    planted(order, places)
    seen = text(desk.get(PAGE))
    assert "Document missing in the app" in seen and "SUP-8812" in seen and "asked for by support" in seen
    seen = text(desk.get(PAGE, "viewer"))
    assert "Document missing" not in seen and "SUP-8812" not in seen and "by support" not in seen
    assert desk.get(f"{PAGE}report/", "viewer").status_code == 403
    for state, problem in (
        (State.CANCELLED, "Cancelled by support."),
        (State.FAILED, "support may not do this any more (replay_events)."),
        (State.FAILED, "anna, who approved it, may not approve jobs any more. Its plan has to be confirmed again."),
    ):
        ended = {"state": state, "problem": problem, "approver": "anna", "ended": timezone.now(), "ending": "failed"}
        JobRow.objects.update(**ended)
        desk.faces.replays._seen.clear()  # an answer serves for a moment
        seen = text(desk.get(PAGE, "viewer"))
        assert "support" not in seen.partition("What happened")[2] and "anna" not in seen, problem
        assert problem in text(desk.get(PAGE)), problem


def test_rate_and_time_to_go_are_those_of_what_is_consumed(desk: Desk, order: ReplayOrder, places: Sequence[Position]) -> None:
    now = timezone.now()
    looks = Looks(steps=[(now - timedelta(seconds=20), 0), (now, 100)])
    planted(order, places, looks=looks, events=200)
    seen = text(desk.get(PAGE))
    assert "100 of 200 consumed" in seen and "5.0 events/s" in seen and "about 20 seconds" in seen
    assert "100 events consumed so far" in seen and "no consumer is connected" in seen


def test_its_log_has_each_try_again_and_each_change_of_its_worker(
    desk: Desk, order: ReplayOrder, places: Sequence[Position]
) -> None:
    job = planted(order, places)
    note(job.pk, TurnKind.RETRY, share="0", why="The broker does not answer.")
    note(job.pk, TurnKind.TAKEN_OVER)
    for role in ("support", "viewer"):
        seen = text(desk.get(PAGE, role)).partition("What happened")[2]
        assert "Partition 0: could not continue, and is tried again" in seen and "The broker does not answer." in seen
        assert "Taken over: the worker before is gone" in seen
    log = json.loads(desk.get(f"{PAGE}report/export/").content)["log"]
    assert [one["what"][:10] for one in log][-2:] == ["Partition ", "Taken over"]


def test_what_is_not_known_is_said_with_the_reason(desk: Desk, order: ReplayOrder, places: Sequence[Position]) -> None:
    planted(ReplayOrder.of({**order.as_json(), "subscription": "nobody"}), places)
    answer = desk.get(PAGE)
    assert "Consumed: not known" in text(answer)
    assert "There is no subscription nobody on patients-replay." in text(answer)
    assert attribute(answer, "aria-valuenow") == []


def test_copies_that_consumers_gave_up_are_named(desk: Desk, order: ReplayOrder, places: Sequence[Position]) -> None:
    planted(order, places)
    copy = desk.log.fetch(places)[places[0]]
    dead = f"{order.target}-{READER}-DLQ"
    desk.log.create_topic(dead)
    desk.log.append(dead, [NewMessage(payload=copy.payload, key=copy.key, properties=copy.properties)])
    answer = desk.get(PAGE)
    assert attribute(answer, "data-refused") == ["1"]
    assert "1 given up by consumers" in text(answer) and "they count as consumed, and the projection lacks them" in text(
        answer
    )


def test_a_replay_that_has_ended_is_still_shown_and_its_report_can_be_exported(
    desk: Desk, order: ReplayOrder, places: Sequence[Position]
) -> None:
    now = timezone.now()
    planted(order, places, state=State.SUCCEEDED, ended=now, ending="done", facts=json.dumps({"consumed": 2, "sent": 2}))
    assert desk.get(PAGE, fragment=True).headers["HX-Refresh"] == "true"
    answer = desk.get(PAGE)
    assert "All 2 consumed" in text(answer) and attribute(answer, "data-refresh") == []
    assert attribute(answer, "data-is-consumed") == ["1", "1"]
    seen = text(desk.get(f"{PAGE}report/"))
    assert "Document missing in the app" in seen and "SUP-8812" in seen and "Planned2 events" in seen and "Consumed2" in seen
    exported = json.loads(desk.get(f"{PAGE}report/export/").content)
    assert exported["figures"]["consumed"] == 2 and exported["plan"]["digest"] == order.digest
    assert "Erika" not in json.dumps(exported)


@pytest.mark.parametrize("id", ["ffffffffffff", "00"])
def test_there_is_no_page_of_what_is_no_replay(desk: Desk, id: str) -> None:
    assert desk.get(f"/replays/{id}/").status_code == 404


def test_the_list_and_the_overview_show_replays_that_are_under_way(
    desk: Desk, order: ReplayOrder, places: Sequence[Position]
) -> None:
    assert "No replays yet" in text(desk.get("/replays/"))
    planted(order, places, looks=Looks(steps=[(timezone.now(), 1)]))
    for url in ("/replays/", "/replays/?show=open", "/"):
        answer = desk.get(url)
        assert attribute(answer, "data-replay") == [JOB], url
        assert "At least 1 of 2 consumed" in text(answer), url
    assert "No replay has ended yet" in text(desk.get("/replays/?show=ended"))
    assert f'href="{PAGE}"' in desk.get("/jobs/").content.decode(), "a job's line leads to its own page"


@pytest.mark.parametrize(
    ("way", "what", "events", "title"),
    [
        (Way.CURSOR, What(kind=Kind.EVERYTHING), 1_200, "Replay 1,200 events to app-timeline"),
        (Way.GENERATION, What(kind=Kind.EVERYTHING), 1, "Replay 1 event to app-timeline"),
        (
            Way.TOPIC,
            What(kind=Kind.FILTER, filter="id:e-7"),
            None,
            "Replay the events that match id:e-7 to app-timeline",
        ),
        (Way.LOCAL, What(kind=Kind.EVENT, events=("e-1",)), 1, "Replay 1 event to app-timeline"),
    ],
)
def test_every_way_has_its_words(
    desk: Desk, order: ReplayOrder, places: Sequence[Position], way: Way, what: What, events: int | None, title: str
) -> None:
    desk.subscribe(READER)
    told = {**order.as_json(), "way": way.value, "what": what.as_json(), "events": events}
    planted(ReplayOrder.of(told), places, total=events)
    answer = desk.get(PAGE)
    assert title in text(answer)
    assert "Consumed means" in text(answer)
