"""Redriving dead letters from the pages: the preview, its confirmation, the job, and what is refused."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse

from dashboard.auditing.acts import acts
from dashboard.models import State
from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import SubscriptionRow
from eventstore.jobs import State as JobState
from eventstore.model.copying import Copy
from eventstore.model.events import Position
from eventstore.redrives.copies import JOB, LETTER, copies_of
from tests.web.desk import NAME, TOPIC, Desk, attribute, hidden, text
from tests.web.letters import DEAD, URL, WHY, dead_lettered, kept

RETRY = f"{TOPIC}-{NAME}-RETRY"
REDRIVES = f"{URL}redrives/"


@pytest.fixture
def letters(desk: Desk) -> Sequence[Position]:
    """Four letters of one patient, kept."""
    desk.publish(4)
    desk.subscribe(handled=4)
    positions = dead_lettered(desk, range(4))
    kept(desk)
    return positions


def preview(desk: Desk, positions: Sequence[Position] = (), *, role: str = "support", **asked: str) -> HttpResponse:
    chosen = [("letter", position.encode()) for position in positions] or [("all", "1")]
    return desk.get(f"{REDRIVES}new/?{urlencode([*chosen, *asked.items()])}", role)


def confirm(desk: Desk, shown: HttpResponse, *, role: str = "support", **entered: str) -> HttpResponse:
    return desk.client(role).post(REDRIVES, {**hidden(shown), "reason": WHY, **entered})  # type: ignore[return-value]


def sent_to(desk: Desk, topic: str) -> list[str]:
    """The ids of what a redrive has sent there, in order."""
    found = desk.log.read_forward(topic, 0, limit=100)
    return [one.properties["ce_id"] for one in found if JOB in one.properties]


def test_chosen_letters_go_home_once_the_other_subscriptions_are_confirmed(desk: Desk, letters: Sequence[Position]) -> None:
    desk.subscribe("audit")
    shown = preview(desk, [letters[0], letters[2]])
    assert (attribute(shown, "data-redrive"), attribute(shown, "data-others")) == (["2"], ["1"])
    assert "1 other subscription will get them again: audit" in text(shown)
    unconfirmed = confirm(desk, shown)
    assert unconfirmed.status_code == 422
    assert "Confirm that these subscriptions get the letters too." in text(unconfirmed)
    answer = confirm(desk, shown, others="1")
    assert re.fullmatch(r"/jobs/\w+/", answer["Location"])
    assert desk.faces.jobs.run_until_idle() == 1
    assert sent_to(desk, TOPIC) == ["e-0", "e-2"]
    assert attribute(desk.get(URL), "data-event-id") == ["e-1", "e-3"]
    assert "succeeded" in text(desk.get(answer["Location"]))
    (act,) = acts(action="redrive_letters")
    assert (act.state, act.details["event_ids"], act.details["others"]) == (State.DONE, ["e-0", "e-2"], ["audit"])
    assert (act.details["reason"], act.outcome["sent"]) == (WHY, 2)
    assert "Redrive dead letters" in text(desk.get("/audit/"))


def test_all_that_match_go_to_the_retry_topic_where_something_consumes_it(desk: Desk, letters: Sequence[Position]) -> None:
    desk.log.create_topic(RETRY)
    desk.subscribe(topic=RETRY)
    with desk.subscriptions.consume(
        RETRY, NAME, type=desk.subscriptions.named(RETRY, NAME).type, consumer="worker"
    ) as consumer:
        shown = preview(desk, filter="id:e-1")
        assert attribute(shown, "aria-current") and attribute(shown, "data-others") == []
        assert "1 letter of 1 aggregate will be sent to the retry topic" in text(shown)
        confirm(desk, shown, throttle="50")
        (job,) = desk.faces.jobs.newest()
        assert (job.throttle, job.progress.total) == (50.0, 1)
        desk.faces.jobs.run_until_idle()
        (copy,) = consumer.receive(limit=5, timeout=5)
        assert (copy.properties["ce_id"], copy.properties[JOB], copy.properties[LETTER]) == ("e-1", job.id, "0/1")
        consumer.acknowledge(copy.position)
    assert attribute(desk.get(URL), "data-event-id") == ["e-0", "e-2", "e-3"]


def test_a_redrive_is_refused_or_stops_when_others_would_get_its_letters_than_were_confirmed(
    desk: Desk, letters: Sequence[Position]
) -> None:
    confirm(desk, preview(desk))
    desk.subscribe("audit")
    desk.faces.jobs.run_until_idle()
    (job,) = desk.faces.jobs.newest()
    assert job.state is JobState.FAILED
    assert "would get the letters too: audit" in job.problem
    desk.log.create_topic(RETRY)
    desk.subscribe(topic=RETRY)
    shown = preview(desk, target=RETRY)
    SubscriptionRow.objects.using(STORE).get(topic__name=RETRY, name=NAME).delete()
    assert confirm(desk, shown, target=RETRY).status_code == 409
    assert len(desk.faces.jobs.newest()) == 1
    assert sent_to(desk, TOPIC) == sent_to(desk, RETRY) == []


def test_letters_that_come_while_one_looks_are_not_redriven(desk: Desk, letters: Sequence[Position]) -> None:
    shown = preview(desk)
    dead_lettered(desk, [9])
    assert confirm(desk, shown).status_code == 302
    desk.faces.jobs.run_until_idle()
    assert sent_to(desk, TOPIC) == ["e-0", "e-1", "e-2", "e-3"]
    assert attribute(desk.get(URL), "data-event-id") == ["e-9"]


def test_a_second_click_a_stale_preview_and_a_replayed_post_redrive_nothing_and_say_why(
    desk: Desk, letters: Sequence[Position]
) -> None:
    mine, theirs = preview(desk, letters[:2]), preview(desk, letters[1:], role="admin")
    first = confirm(desk, mine)
    again = confirm(desk, mine)
    assert again["Location"] == first["Location"]
    assert "queued already: the button was pressed twice" in text(desk.get(again["Location"]))
    busy = confirm(desk, theirs, role="admin")
    assert busy.status_code == 409
    assert "by the job" in text(busy)
    desk.faces.jobs.run_until_idle()
    stale = confirm(desk, theirs, role="admin")
    assert stale.status_code == 409
    assert "support has acted on these letters meanwhile" in text(stale)
    assert attribute(stale, "data-redrive") == ["2"]
    replayed = confirm(desk, mine)
    assert replayed["Location"] == first["Location"]
    assert desk.faces.jobs.run_until_idle() == 0
    assert sent_to(desk, TOPIC) == ["e-0", "e-1"]
    assert len(acts(action="redrive_letters")) == 1


def test_without_a_reason_a_permission_or_a_keeper_nothing_is_redriven(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe(handled=2)
    positions = dead_lettered(desk, range(2))
    assert "make eventdesk-redrive first" in text(preview(desk))
    kept(desk)
    shown = preview(desk)
    assert confirm(desk, shown, reason=" ").status_code == 422
    assert confirm(desk, shown, throttle="none").status_code == 422
    assert preview(desk, role="viewer").status_code == 403
    assert confirm(desk, shown, role="viewer").status_code == 403
    assert desk.get(f"{REDRIVES}new/").status_code == 400
    assert confirm(desk, shown, letters="0:zz/.. x").status_code == 400
    assert confirm(desk, shown, until="0:x").status_code == 400
    assert desk.get(f"{REDRIVES}new/?all=1&filter=nonsense(").status_code == 400
    assert desk.get(f"/topics/{TOPIC}/subscriptions/nobody/dead-letters/redrives/new/?all=1").status_code >= 400
    assert not desk.faces.jobs.newest()
    assert not acts(action="redrive_letters")
    assert attribute(desk.get(URL), "data-waiting") == [str(len(positions))]


def test_a_cancelled_redrive_keeps_what_it_has_sent_acknowledged_and_the_rest_waiting(
    desk: Desk, letters: Sequence[Position], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 2)
    confirm(desk, preview(desk))
    (job,) = desk.faces.jobs.newest()
    asked: list[int] = []

    def cancelling(*given: Any) -> list[Copy]:
        if not asked:
            asked.append(desk.client().post(f"/jobs/{job.id}/cancellations/", {"reason": WHY}).status_code)
        return copies_of(*given)

    monkeypatch.setattr("eventstore.redrives.sending.copies_of", cancelling)
    desk.faces.jobs.run_until_idle()
    assert asked == [302]
    assert desk.faces.jobs.get(job.id).state is JobState.CANCELLED
    assert sent_to(desk, TOPIC) == ["e-0", "e-1"]
    assert attribute(desk.get(URL), "data-event-id") == ["e-2", "e-3"]
    assert DEAD in acts(action="redrive_letters")[0].resource.topic


def test_letters_of_others_in_a_shared_topic_are_neither_redriven_nor_buried_with_all(
    desk: Desk, letters: Sequence[Position]
) -> None:
    dead_lettered(desk, [4], REAL_SUBSCRIPTION="billing")
    dead_lettered(desk, [5], REAL_TOPIC="public/default/invoices")
    burying = desk.get(f"{URL}burials/new/?all=1")
    assert (attribute(burying, "data-bury"), attribute(burying, "data-of-others")) == (["4"], ["2"])
    shown = preview(desk)
    assert (attribute(shown, "data-redrive"), attribute(shown, "data-left-out")) == (["4"], ["2"])
    assert "2 are left. They name another topic or subscription." in text(shown)
    confirm(desk, shown)
    desk.faces.jobs.run_until_idle()
    assert sent_to(desk, TOPIC) == ["e-0", "e-1", "e-2", "e-3"]
    assert attribute(desk.get(URL), "data-event-id") == ["e-4", "e-5"]
