"""The privacy officer's list of reveals, and reveals in an emergency."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from dashboard.auditing.acts import acts
from dashboard.models import Person, Reveal, Role
from dashboard.privacy.by_reason import reveals
from dashboard.reveals import telling
from dashboard.reveals.choosing import Month
from tests import people
from tests.web.desk import Desk, attribute, text
from tests.web.revealing import VALUE, event_page, masked_desk, of_event, reveal


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk(emergency=True) as opened:
        yield opened


def row(person: Person, id: str, begun: datetime, **more: object) -> Reveal:
    """A reveal as one may have been made then."""
    given = {"kind": "event", "aggregate_type": "patient", "event_id": "e", "reason": "asked", "ticket": "SUP-1", **more}
    ends = begun + timedelta(minutes=15)
    return Reveal.objects.create(
        person=person, role=person.role, session="-", aggregate_id=id, begun=begun, ends=ends, **given
    )


@pytest.fixture
def month(desk: Desk) -> dict[str, int]:
    """Reveals of October 2026, and one on each side of it."""
    anna, ben = people.person("support", "anna"), people.person("support", "ben")
    october = datetime(2026, 10, 1, tzinfo=UTC)
    for days, person, id in ((0, anna, "1"), (1, anna, "1"), (30, ben, "1"), (2, anna, "2")):
        row(person, id, october + timedelta(days=days))
    row(anna, "1", october - timedelta(seconds=1))
    row(ben, "2", datetime(2026, 11, 1, tzinfo=UTC))
    return {"anna": 3, "ben": 1, "1": 3, "2": 1}


def test_the_list_is_of_one_month_with_counts_by_person_and_by_customer(desk: Desk, month: dict[str, int]) -> None:
    page = desk.get("/reveals/?month=2026-10", "privacy")
    names = attribute(page, "data-count-of")
    assert {name: month[name] for name in names} == month
    assert names == ["anna", "ben", "1", "2"], "the most first"
    assert len(attribute(page, "data-reveal-line")) == 4
    assert "3 by 2 persons" in text(page)
    assert "Reveals in October 2026" in text(page)
    assert 'href="?month=2026-09"' in page.content.decode()


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("person=anna", 3),
        ("person=an", 0),
        ("id=2", 1),
        ("type=patient&id=1", 3),
        ("kind=field", 0),
        ("ticket=sup", 4),
        ("emergency=on", 0),
    ],
)
def test_the_filter_narrows_it_and_the_export_holds_just_that(
    desk: Desk, month: dict[str, int], query: str, lines: int
) -> None:
    page = desk.get(f"/reveals/?month=2026-10&{query}", "auditor")
    assert len(attribute(page, "data-reveal-line")) == lines
    given = dict(part.split("=") for part in query.split("&"))
    answer = desk.client("auditor").post("/reveals/exports/", {"month": "2026-10", **given})
    exported = [json.loads(line) for line in answer.content.splitlines()]
    assert len(exported) == lines
    for one in exported:
        assert (one["reason"], one["ticket"], one["ended_by"]) == ("asked", "SUP-1", "time")
    (act,) = acts(action="export_reveals")
    assert (act.actor, act.outcome["reveals"]) == ("auditor", lines)


@pytest.mark.parametrize("query", ["month=2026-13", "month=x", "before=x", "before=0", "kind=all"])
def test_a_damaged_address_is_said_to_be_damaged(desk: Desk, query: str) -> None:
    assert desk.get(f"/reveals/?{query}", "privacy").status_code == 400


def test_pages_of_a_long_month_follow_each_other(desk: Desk) -> None:
    anna = people.person("support", "anna")
    for number in range(60):
        row(anna, str(number), datetime(2026, 10, 5, tzinfo=UTC) + timedelta(minutes=number))
    first = desk.get("/reveals/?month=2026-10", "privacy")
    older = next(href for href in attribute(first, "href") if "before=" in href)
    second = desk.get(f"/reveals/{older}", "privacy")
    lines = attribute(first, "data-reveal-line") + attribute(second, "data-reveal-line")
    assert len(set(lines)) == len(lines) == 60


def test_people_without_that_duty_do_not_see_the_list(desk: Desk) -> None:
    for role in ("viewer", "support", "approver"):
        assert desk.get("/reveals/", role).status_code == 403
        assert desk.client(role).post("/reveals/exports/").status_code == 403


def test_months_follow_each_other_over_the_end_of_a_year() -> None:
    january = Month(begins=datetime(2026, 1, 1, tzinfo=UTC))
    assert (january.earlier.name, january.ends) == ("2025-12", datetime(2026, 2, 1, tzinfo=UTC))
    now = datetime.now(UTC)
    assert Month(begins=datetime(now.year, now.month, 1, tzinfo=UTC)).later is None


def test_in_an_emergency_a_viewer_sees_it_for_a_short_time_and_the_privacy_officer_is_told_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setattr("django.conf.settings.MAIL_IS_SET_UP", True, raising=False)
    officer = people.privacy_officer()
    Person.objects.filter(pk=officer.pk).update(email="officer@hospital.example")
    viewer = desk.client("viewer")
    assert "The privacy officer is told at once" in text(viewer.get("/reveals/emergencies/new/", of_event()))
    assert reveal(viewer, of_event(), "emergencies", minutes="11").status_code == 422
    assert reveal(viewer, of_event()).status_code == 403, "the ordinary way stays closed"
    assert reveal(viewer, of_event(), "emergencies", minutes="10").status_code == 302
    page = viewer.get("/topics/")
    assert "by mail" in text(page)
    assert VALUE in event_page(viewer)
    (sent,) = mail.outbox
    assert sorted(sent.to) == ["officer@hospital.example", "privacy@hospital.example"]
    assert "viewer" in sent.body
    for held_back in (VALUE, "4711", "asked by the patient", "e-0"):
        assert held_back not in f"{sent.body}{sent.subject}"
    for url in ("/", "/topics/", "/audit/"):
        assert "Emergency reveal by viewer" in text(desk.get(url, "privacy"))
    assert "Emergency reveal by" not in text(desk.get("/", "admin"))
    (act,) = acts(action="emergency_reveal")
    assert act.details["reason"] == "asked by the patient"


def test_the_auditor_reveals_nothing_in_an_emergency_either(desk: Desk) -> None:
    auditor = desk.client("auditor")
    assert auditor.get("/reveals/emergencies/new/", of_event()).status_code == 403
    assert reveal(auditor, of_event(), "emergencies").status_code == 403
    assert "Reveal" not in text(auditor.get("/aggregates/patient/4711/")).replace("Reveals", "")
    assert not Reveal.objects.exists()


def test_where_no_privacy_officer_has_an_account_that_is_said_and_admins_and_auditors_get_the_notice(desk: Desk) -> None:
    viewer = desk.client("viewer")
    assert "No privacy officer has an account here" in text(viewer.get("/reveals/emergencies/new/", of_event()))
    reveal(viewer, of_event(), "emergencies")
    assert "No privacy officer has an account here" in text(viewer.get("/topics/"))
    assert Reveal.objects.get().told == telling.NO_OFFICER
    for role in ("admin", "auditor"):
        page = text(desk.get("/", role))
        assert "Emergency reveal by viewer" in page
        assert "I have seen this" not in page
    assert "Emergency reveal by" not in text(desk.get("/", "support"))
    assert "I have seen this" in text(desk.get("/", "privacy"))
    assert "Emergency reveal by" not in text(desk.get("/", "admin"))
    long_ago = datetime.now(UTC) - reveals.COUNTS_FOR
    Person.objects.filter(role=Role.PRIVACY).update(last_login=long_ago)
    assert "Emergency reveal by" not in text(desk.get("/", "admin"))
    Person.objects.filter(role=Role.PRIVACY).update(password="!of the provider")
    assert "Emergency reveal by viewer" in text(desk.get("/", "admin"))


def test_the_notice_stays_until_a_privacy_officer_has_seen_it(desk: Desk) -> None:
    people.privacy_officer()
    reveal(desk.client("viewer"), of_event(), "emergencies")
    one = Reveal.objects.get()
    assert one.told == telling.NOT_SET_UP
    assert desk.client("admin").post(f"/reveals/{one.pk}/acknowledgements/").status_code == 403
    officer = desk.client("privacy")
    officer.post(f"/reveals/{one.pk}/acknowledgements/")
    assert "Emergency reveal by" not in text(officer.get("/"))
    one.refresh_from_db()
    assert one.seen_by == people.privacy_officer()
    assert [act.actor for act in acts(action="see_emergency")] == ["privacy"]
    assert "seen" in text(officer.get(f"/reveals/?month={one.begun:%Y-%m}&emergency=on"))


def test_a_mail_that_cannot_be_sent_is_said_and_the_reveal_stands(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("django.conf.settings.MAIL_IS_SET_UP", True, raising=False)
    monkeypatch.setattr("django.conf.settings.EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr("django.conf.settings.EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr("django.conf.settings.EMAIL_PORT", 1)
    people.privacy_officer()
    viewer = desk.client("viewer")
    reveal(viewer, of_event(), "emergencies")
    assert "could not be sent" in text(viewer.get("/topics/"))
    assert VALUE in event_page(viewer)
    assert Reveal.objects.get().told == telling.FAILED
    assert "ConnectionRefusedError" in caplog.text
    assert VALUE not in caplog.text


def test_who_may_reveal_anyway_needs_no_emergency(desk: Desk) -> None:
    reveal(desk.client("support"), of_event(), "emergencies")
    assert not Reveal.objects.get().emergency
