"""A case gathers what its person looks at and does for one ticket, in order, and its file tells all of it without a value."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, Case, CaseNote, Reveal, State
from tests.web.desk import Desk, attribute, hidden, text
from tests.web.revealing import VALUE, WHY, event_page, masked_desk, of_event, reveal

STORY = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk() as opened:
        yield opened


@pytest.fixture
def anna(desk: Desk) -> Client:
    return desk.client("support")


def opened(client: Client, **given: str) -> Case:
    answer = client.post("/cases/openings/", {**WHY, **given})
    assert answer.status_code == 302
    return Case.objects.latest("pk")


def entries(client: Client, case: Case) -> list[str]:
    return attribute(client.get(f"/cases/{case.pk}/"), "data-entry")


def test_what_its_person_does_is_gathered_in_order_and_what_others_do_is_not(desk: Desk, anna: Client) -> None:
    event_page(anna)
    case = opened(anna)
    anna.get(STORY)
    event_page(desk.client("approver"))
    reveal(desk.client("approver"), of_event(1))
    reveal(anna, of_event())
    event_page(anna)
    anna.post(f"/cases/{case.pk}/notes/", {"text": "Called the practice"})
    anna.post(f"/reveals/{Reveal.objects.get(case=case).pk}/ends/")
    assert entries(anna, case) == ["open_case", "look", "reveal", "look", "note", "note_in_case", "end_reveal"] or entries(
        anna, case
    ) == ["open_case", "look", "reveal", "look", "note_in_case", "note", "end_reveal"]
    page = text(anna.get(f"/cases/{case.pk}/"))
    assert "values masked" in page
    assert "values revealed" in page
    assert "Called the practice" in page
    assert "ended" in page
    anna.post(f"/cases/{case.pk}/closings/")
    event_page(anna)
    assert entries(anna, case)[-1] == "close_case"


def test_a_cursor_that_is_moved_meanwhile_belongs_to_it(desk: Desk, anna: Client) -> None:
    desk.subscribe(handled=1)
    case = opened(anna)
    resets = "/topics/patients/subscriptions/mailer/cursor-resets/"
    given = hidden(anna.get(f"{resets}new/?to=earliest"))
    assert anna.post(resets, {**given, "reason": "again, please"}).status_code == 302
    assert "reset_cursor" in entries(anna, case)
    (act,) = acts(action="reset_cursor")
    assert act.details["case"] == case.pk


def test_a_search_by_a_masked_value_needs_the_case_goes_by_equality_and_is_recorded_without_the_value(anna: Client) -> None:
    by_value = f"{STORY}?" + urlencode({"filter": f'data.name="{VALUE}"'})
    assert anna.get(by_value).status_code == 403
    case = opened(anna)
    assert "e-0" in anna.get(by_value).content.decode()
    assert anna.get(f"{STORY}?" + urlencode({"filter": "data.name~E"})).status_code == 403
    (act,) = acts(action="search_masked")
    assert (act.details["fields"], act.details["case"]) == (["data.name"], case.pk)
    assert not AuditEntry.objects.filter(details__contains="Erika").exists()
    assert "search_masked" in entries(anna, case)


def test_a_search_ends_with_the_case_in_which_it_was_begun(anna: Client) -> None:
    begun = anna.get("/topics/patients/?" + urlencode({"filter": f'data.name="{VALUE}"'}))
    assert begun.status_code == 403
    case = opened(anna)
    begun = anna.get("/topics/patients/?" + urlencode({"filter": f'data.name="{VALUE}"'}))
    assert "e-0" in attribute(begun, "data-event-id")
    poll = f"/searches/{attribute(begun, 'data-search')[0]}/?seen=0"
    assert "e-0" in anna.get(poll, headers={"HX-Request": "true"}).content.decode()
    anna.post(f"/cases/{case.pk}/closings/")
    ended = anna.get(poll, headers={"HX-Request": "true"})
    assert (ended.status_code, "e-0" in ended.content.decode()) == (404, False)


def test_a_tail_takes_no_filter_that_needs_the_case(anna: Client) -> None:
    opened(anna)
    answer = anna.get("/topics/patients/tail/?" + urlencode({"filter": f'data.name="{VALUE}"'}))
    assert answer.status_code == 403  # as its socket, which outlives the case
    assert acts(action="search_masked") == []


def test_an_open_case_fills_in_its_ticket_and_stands_at_the_top_of_every_page(anna: Client) -> None:
    case = opened(anna, ticket="SUP-77")
    assert 'value="SUP-77"' in anna.get("/reveals/new/", of_event()).content.decode()
    assert f'href="/cases/{case.pk}/"' in anna.get("/topics/").content.decode().partition("<main")[0]
    anna.post(f"/cases/{case.pk}/closings/")
    assert "SUP-77" not in anna.get("/topics/").content.decode().partition("<main")[0]


def test_closing_it_ends_its_reveals_at_once_and_no_others(anna: Client) -> None:
    reveal(anna, of_event(1))
    case = opened(anna)
    reveal(anna, of_event())
    assert VALUE in event_page(anna)
    anna.post(f"/cases/{case.pk}/closings/")
    assert VALUE not in event_page(anna)
    assert VALUE in event_page(anna, 1)
    assert Reveal.objects.get(case=case).how_ended == "case"


def test_its_time_closes_it_and_ends_its_reveals(anna: Client) -> None:
    case = opened(anna)
    reveal(anna, of_event())
    Case.objects.filter(pk=case.pk).update(ends=datetime.now(UTC))
    assert VALUE not in event_page(anna)
    assert "by time" in text(anna.get(f"/cases/{case.pk}/"))
    assert anna.post(f"/cases/{case.pk}/notes/", {"text": "late"}).status_code == 404


def test_a_second_one_is_refused_while_one_is_open(anna: Client) -> None:
    case = opened(anna)
    assert anna.post("/cases/openings/", WHY).status_code == 409
    assert f"case {case.pk}" in text(anna.get("/cases/new/"))
    assert Case.objects.count() == 1


@pytest.mark.parametrize("given", [{"ticket": ""}, {"reason": " "}, {"hours": "25"}, {"hours": "0"}, {"hours": "x"}])
def test_a_case_needs_a_ticket_a_reason_and_a_time_that_is_allowed(anna: Client, given: dict[str, str]) -> None:
    assert anna.post("/cases/openings/", {**WHY, **given}).status_code == 422
    assert not Case.objects.exists()
    assert acts(action="open_case") == []


def test_a_note_s_text_is_in_the_file_and_not_on_the_record(anna: Client) -> None:
    case = opened(anna)
    anna.post(f"/cases/{case.pk}/notes/", {"text": "Spoke to the ward <b>twice</b>"})
    assert anna.post(f"/cases/{case.pk}/notes/", {"text": " "}).status_code == 422
    assert not AuditEntry.objects.filter(details__contains="ward").exists()
    assert CaseNote.objects.count() == 1
    assert "Spoke to the ward <b>twice</b>" in text(anna.get(f"/cases/{case.pk}/"))


def test_a_note_of_two_lines_shows_no_control_character(anna: Client) -> None:
    case = opened(anna)
    anna.post(f"/cases/{case.pk}/notes/", {"text": "Called.\r\nNobody there."})
    assert CaseNote.objects.get().text == "Called.\nNobody there."
    assert "␍" not in anna.get(f"/cases/{case.pk}/").content.decode()


def test_the_file_tells_everything_in_order_and_how_values_were_shown_and_is_recorded(anna: Client) -> None:
    case = opened(anna)
    event_page(anna)
    reveal(anna, of_event())
    event_page(anna)
    answer = anna.post(f"/cases/{case.pk}/exports/", {"form": "json"})
    assert answer["Content-Disposition"] == f'attachment; filename="case-{case.pk}.json"'
    file = json.loads(answer.content)
    assert (file["ticket"], file["person"], file["exported_by"], file["exporter_sees"]) == (
        "SUP-1",
        "support",
        "support",
        "masked",
    )
    told = [(one["action"], one["values"]) for one in file["entries"]]
    expected = [("open_case", None), ("look", "values masked"), ("reveal", "values revealed"), ("look", "values revealed")]
    assert told[:4] == expected
    assert VALUE not in answer.content.decode()
    printed = anna.post(f"/cases/{case.pk}/exports/", {"form": "printed"})
    assert "What was looked at and done" in text(printed)
    assert VALUE not in printed.content.decode()
    assert [(act.state, act.details["form"]) for act in acts(action="export_case")] == [
        (State.DONE, "a page to print"),
        (State.DONE, "JSON"),
    ]


def test_others_cases_are_read_by_those_who_look_after_them_alone(desk: Desk, anna: Client) -> None:
    case = opened(anna)
    for role, status in (("approver", 404), ("viewer", 403), ("privacy", 200), ("auditor", 200), ("admin", 200)):
        assert desk.client(role).get(f"/cases/{case.pk}/").status_code == status, role
        assert desk.client(role).post(f"/cases/{case.pk}/exports/").status_code == status, role
        assert desk.client(role).post(f"/cases/{case.pk}/closings/").status_code in (403, 404)
    assert attribute(desk.get("/cases/", "privacy"), "data-case") == [str(case.pk)]
    assert attribute(desk.get("/cases/", "approver"), "data-case") == []


def test_who_has_lost_the_right_has_no_open_case_any_more(desk: Desk, anna: Client) -> None:
    case = opened(anna)
    case.person.role = "viewer"
    case.person.save()
    assert f"/cases/{case.pk}/" not in anna.get("/topics/").content.decode()
