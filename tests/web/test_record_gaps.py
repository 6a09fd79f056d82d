"""What leaves the desk is on the record, and a refusal says what was refused."""

from typing import Any
from urllib.parse import urlencode

import pytest

from dashboard.auditing.acts import Act, acts
from dashboard.auditing.looks import CLEAR
from dashboard.auditing.verification import verify
from dashboard.cases.gathered import VALUES
from dashboard.models import State
from tests.planted_replay import JOB, copied, planted, replay_order
from tests.web.desk import TOPIC, Desk, text
from tests.web.letters import URL, dead_lettered, kept
from tests.web.masking import masked
from tests.web.replaying import DECLARED, PROJECTION, furnish

FILTER = "data.name~E"


def test_the_download_of_a_payload_is_recorded_without_any_of_it(desk: Desk, settings: Any) -> None:
    settings.PROXIES = "0"
    desk.publish(1)
    desk.index()
    answer = desk.get("/events/e-0/payload/")
    assert answer.status_code == 200
    (act,) = acts(action="export_payload")
    assert (act.actor, act.state, act.resource.topic, act.resource.name) == ("support", State.DONE, TOPIC, "e-0")
    assert dict(act.details) == {"values": CLEAR, "address": "127.0.0.1"}
    assert "Download payload" in text(desk.get("/audit/"))
    assert desk.get("/events/none/payload/").status_code == 404
    assert desk.get("/events/e-0/payload/", "viewer").status_code == 403
    assert len(acts(action="export_payload")) == 1
    assert verify() is None


def test_the_export_of_a_replays_report_is_recorded(desk: Desk) -> None:
    desk.publish(2)
    originals = desk.log.read_forward(TOPIC, 0, limit=10)
    order = replay_order(TOPIC, originals)
    planted(order, copied(desk.faces, order, originals))
    desk.get(f"/replays/{JOB}/report/")
    assert not acts(action="export_replay")
    assert desk.get(f"/replays/{JOB}/report/export/").status_code == 200
    (act,) = acts(action="export_replay")
    assert (act.actor, act.resource.name, act.state) == ("support", JOB, State.DONE)


@pytest.mark.parametrize(("clear", "said"), [(True, "clear"), (False, "masked")])
def test_an_export_of_letters_says_how_values_were_shown_as_a_case_has_it(desk: Desk, clear: bool, said: str) -> None:
    desk.publish(1)
    desk.subscribe()
    dead_lettered(desk, [0])
    kept(desk)
    assert desk.client("support" if clear else "viewer").post(f"{URL}exports/", {}).status_code == 200
    found = acts(action="export_letters")[0].details["values"]
    assert found == said
    assert found in VALUES


def refused(desk: Desk, url: str) -> Act:
    answer = desk.get(url)
    assert "masked for you" in text(answer)
    return acts(action="refused")[0]


@pytest.mark.parametrize(
    "url",
    [f"/topics/{TOPIC}/?", "/aggregates/patient/4711/?", f"/topics/{TOPIC}/tail/?", f"{URL}?"],
)
def test_a_refused_filter_by_masked_values_is_recorded_as_that(desk: Desk, url: str) -> None:
    desk.publish(1)
    desk.subscribe()
    dead_lettered(desk, [0])
    with masked():
        act = refused(desk, f"{url}{urlencode({'filter': FILTER})}")
    assert (act.actor, act.details["wanted"]) == ("support", "search_masked")
    assert FILTER not in str(act)


def test_so_is_one_for_a_replay_although_its_page_is_no_refusal(desk: Desk) -> None:
    with masked(more=DECLARED):
        furnish(desk, mine=1, others=1)
        asked = {"projection": PROJECTION, "kind": "filter", "way": "topic", "filter": FILTER}
        act = refused(desk, f"/replays/new/?{urlencode(asked)}")
    assert act.details["wanted"] == "search_masked"
