"""What is put on the record as one entry belongs to its person's open case as well: exports, searches, refusals, logouts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.access.command_actions import place
from dashboard.access.policy import PAGE
from dashboard.auditing.acts import acts
from dashboard.auditing.chain import noted
from dashboard.auditing.reasons import acts_belong_to
from dashboard.auditing.refusals import write_ended
from dashboard.models import AuditEntry, Case, Refusal
from eventstore.actions import Actor
from tests.web.desk import Desk, attribute
from tests.web.revealing import VALUE, WHY, masked_desk

STORY = "/aggregates/patient/4711/"
BY_VALUE = f"{STORY}?" + urlencode({"filter": f'data.name="{VALUE}"'})
SEARCHED = """
[[searchable]]
name = "name"
path = "name"
topics = ["patients"]
"""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk() as opened:
        yield opened


def with_case(desk: Desk, role: str = "support") -> tuple[Client, Case]:
    client = desk.client(role)
    assert client.post("/cases/openings/", WHY).status_code == 302
    return client, Case.objects.latest("pk")


def entries(client: Client, case: Case) -> list[str]:
    return attribute(client.get(f"/cases/{case.pk}/"), "data-entry")


def test_an_export_of_the_record_belongs_to_its_person_s_case_and_to_nobody_else_s(desk: Desk) -> None:
    officer, of_officer = with_case(desk, "privacy")
    anna, of_anna = with_case(desk)
    assert b"".join(officer.get("/audit/export/?format=entries"))
    (act,) = acts(action="export_record")
    assert act.details["case"] == of_officer.pk
    assert "export_record" in entries(officer, of_officer)
    assert entries(anna, of_anna) == ["open_case"]


def test_a_refusal_belongs_to_the_case_and_so_does_the_count_of_those_that_follow(desk: Desk) -> None:
    anna, case = with_case(desk)
    for _ in range(3):
        assert anna.get("/reveals/").status_code == 403
    (first,) = acts(action="refused")
    assert first.details["case"] == case.pk
    anna.post(f"/cases/{case.pk}/closings/")
    Refusal.objects.update(until=datetime.now(UTC))
    assert write_ended() == 1
    assert acts(action="refused")[0].details["times"] == 2
    assert entries(anna, case) == ["open_case", "refused", "close_case", "refused"]


def test_a_refusal_after_the_case_is_counted_apart_from_those_in_it(desk: Desk) -> None:
    anna, case = with_case(desk)
    anna.get("/reveals/")
    anna.post(f"/cases/{case.pk}/closings/")
    anna.get("/reveals/")
    assert [act.details.get("case") for act in acts(action="refused")] == [None, case.pk]


def test_a_logout_and_the_next_login_belong_to_the_case_that_stays_open(desk: Desk) -> None:
    anna, case = with_case(desk)
    anna.post("/logout/")
    (act,) = acts(action="log_out")
    assert act.details["case"] == case.pk


def test_what_is_recorded_of_somebody_else_meanwhile_is_not_of_the_case(desk: Desk) -> None:
    anna, case = with_case(desk)
    noted(Actor(name="viewer", via=PAGE), "refused", place("reveals"), {"case": case.pk})
    with acts_belong_to(lambda: (case.pk, "support")):
        noted(Actor(name="viewer", via=PAGE), "refused", place("reveals"), {})
    assert [act.details.get("case") for act in acts(action="refused")] == [None, case.pk]
    assert entries(anna, case) == ["open_case"]


def test_the_same_filter_of_one_page_is_recorded_once_and_another_one_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, _ = with_case(desk)
    for fragment in ({}, {"HX-Request": "true"}, {}):
        assert anna.get(BY_VALUE, headers=fragment).status_code == 200
    assert len(acts(action="search_masked")) == 1
    other = f"{STORY}?" + urlencode({"filter": 'data.name="Max"'})
    assert anna.get(other).status_code == 200
    marks = [one.details["mark"] for one in acts(action="search_masked")]
    assert len(marks) == len(set(marks)) == 2
    monkeypatch.setattr("dashboard.auditing.looks.ONCE", timedelta(0))
    anna.get(BY_VALUE)
    assert len(acts(action="search_masked")) == 3


def test_another_person_s_search_for_the_same_value_has_another_mark(desk: Desk) -> None:
    for role in ("support", "approver"):
        with_case(desk, role)[0].get(BY_VALUE)
    one, other = acts(action="search_masked")
    assert one.details["mark"] != other.details["mark"]


@pytest.fixture
def searched(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk(more=SEARCHED) as opened:
        yield opened


def test_what_the_search_box_finds_by_a_masked_value_is_a_search_on_the_record_without_the_value(searched: Desk) -> None:
    box = "/aggregates/?" + urlencode({"q": VALUE})
    assert searched.client("approver").get(box).status_code == 200
    assert not acts(action="search_masked"), "nothing masked was compared"
    anna, case = with_case(searched)
    for _ in range(2):
        anna.get(box)
    (act,) = acts(action="search_masked")
    assert (act.details["fields"], act.details["case"]) == (["name"], case.pk)
    assert "search_masked" in entries(anna, case)
    assert not AuditEntry.objects.filter(details__contains="Erika").exists()


def test_a_search_that_finds_nothing_is_recorded_too_since_that_tells_as_much(searched: Desk) -> None:
    anna, _ = with_case(searched)
    anna.get("/aggregates/?q=Nobody+Nowhere")
    (act,) = acts(action="search_masked")
    assert act.details["found"] == 0
