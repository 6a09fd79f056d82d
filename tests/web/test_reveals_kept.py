"""What outlives a reveal shows nothing of it, and the list of reveals answers truly."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from dashboard.models import Case, LoginSession, Person, Reveal
from tests.web.desk import Desk, text
from tests.web.limits import access, limit
from tests.web.personal import ID, furnish_patients, personal_desk
from tests.web.revealing import WHY, masked_desk, of_event, reveal

IN_FORCE = "/reveals/in-force/"


@pytest.fixture
def handle(desk: Desk) -> Iterator[str]:
    with personal_desk(desk) as handle:
        furnish_patients(desk)
        yield handle


@pytest.fixture
def masked(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk() as opened:
        yield opened


@pytest.fixture
def officer(desk: Desk, handle: str) -> Client:
    """To whom the patient ``ID`` is revealed."""
    client = desk.client("privacy")
    assert reveal(client, {"aggregate_type": "patient", "aggregate_id": handle}).status_code == 302
    return client


def title(page: str) -> str:
    return page.partition("<title>")[2].partition("</title>")[0]


def test_titles_name_a_revealed_aggregate_by_its_handle(officer: Client, handle: str) -> None:
    story = f"/aggregates/patient/{handle}/"
    page = officer.get(story).content.decode()
    assert ID in page, "it is revealed"
    for url in (story, f"{story}erasure/", f"/tail/?aggregate_type=patient&aggregate_id={handle}"):
        page = officer.get(url).content.decode()
        assert handle[:20] in title(page), url
        assert ID not in title(page), url


def test_the_answer_to_a_request_for_erasure_names_a_revealed_aggregate_by_its_handle(officer: Client, handle: str) -> None:
    answer = officer.post(f"/aggregates/patient/{handle}/erasure/exports/")
    assert json.loads(answer.content)["aggregate"]["id"] == handle
    assert ID not in answer.content.decode()


def test_a_real_id_finds_its_reveals_with_an_open_case_and_is_no_false_none_without(officer: Client) -> None:
    without = text(officer.get(f"/reveals/?id={ID}"))
    assert "There may be reveals all the same" in without
    officer.post("/cases/openings/", WHY)
    assert Case.objects.count() == 1
    page = officer.get(f"/reveals/?id={ID}")
    assert 'data-figure="reveals">1<' in page.content.decode()
    assert "There may be reveals" not in text(officer.get("/reveals/?id=nobody"))
    assert len(officer.post("/reveals/exports/", {"id": ID}).content.splitlines()) == 1


def test_a_page_that_no_websocket_tells_can_ask_what_is_in_force(masked: Desk) -> None:
    anna = masked.client("support")
    assert anna.get(IN_FORCE).json() == {"active": {}}
    reveal(anna, of_event())
    one = Reveal.objects.get()
    answer = anna.get(IN_FORCE)
    assert "no-store" in answer["Cache-Control"]
    (left,) = answer.json()["active"].values()
    assert list(answer.json()["active"]) == [str(one.pk)]
    assert 0 < left <= 15 * 60_000
    assert masked.client("admin").get(IN_FORCE).json() == {"active": {}}
    anna.post("/logout/")
    assert anna.get(IN_FORCE).status_code == 302


def test_the_list_calls_no_reveal_in_force_whose_login_is_over(masked: Desk) -> None:
    anna, officer = masked.client("support"), masked.client("privacy")
    reveal(anna, of_event())
    assert "in force" in text(officer.get("/reveals/"))
    person = Person.objects.get(username="support")
    before = person.password
    person.set_password("another-long-password")
    person.save()
    assert "the login has ended" in text(officer.get("/reveals/"))
    Person.objects.filter(pk=person.pk).update(password=before)
    assert "in force" in text(officer.get("/reveals/"))
    LoginSession.objects.filter(session_key=anna.session.session_key).update(expire_date=datetime.now(UTC))
    page = text(officer.get("/reveals/"))
    assert "the login has ended" in page
    assert "in force" not in page
    (line,) = officer.post("/reveals/exports/").content.splitlines()
    assert (json.loads(line)["ended_by"], json.loads(line)["ended"]) == ("login", None)


def test_a_reveal_that_ended_with_its_case_says_so_also_if_the_case_ended_by_time(masked: Desk) -> None:
    anna = masked.client("support")
    anna.post("/cases/openings/", WHY)
    reveal(anna, of_event())
    soon = datetime.now(UTC) - timedelta(seconds=1)
    Case.objects.update(ends=soon)
    assert "ended by the end of its case" in text(masked.client("privacy").get("/reveals/"))


def test_an_export_that_would_be_cut_off_is_refused(masked: Desk) -> None:
    anna, officer = masked.client("support"), masked.client("privacy")
    for number in (0, 1):
        reveal(anna, of_event(number))
    with access(**limit("privacy", export_rows=1)):
        answer = officer.post("/reveals/exports/")
    assert answer.status_code == 400
    assert "Too many reveals for one file" in text(answer)
    with access(**limit("privacy", export_rows=2)):
        assert len(officer.post("/reveals/exports/").content.splitlines()) == 2
