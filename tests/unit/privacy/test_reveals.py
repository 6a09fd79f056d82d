"""A reveal is for one login of one person. It ends by its time, by hand, by logout, with the role and its case, at once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.models import Case, Person, Reveal, Role
from dashboard.privacy.by_reason import cases, reveals
from dashboard.privacy.by_reason.reveals import Stated, active, session_hash
from dashboard.privacy.profiles import Subject
from tests import people

pytestmark = pytest.mark.django_db

LOGIN, OTHER_LOGIN = session_hash("a-session"), session_hash("another-session")
EVENT = Subject(kind="event", topic="patients", aggregate_type="patient", aggregate_id="4711", event_id="e-1")
STATED = Stated(reason="asked by the patient", ticket="SUP-1", address="203.0.113.7")
QUARTER = timedelta(minutes=15)


def revealed(person: Person, subject: Subject = EVENT, *, case: Case | None = None, lasts: timedelta = QUARTER) -> Reveal:
    return reveals.begin(person, LOGIN, subject, STATED, lasts=lasts, case=case)


def a_case(person: Person, lasts: timedelta = timedelta(hours=8)) -> Case:
    case = cases.begin(person, ticket="SUP-1", reason="the patient asks", lasts=lasts)
    assert case is not None
    return case


def ids(person: Person, login: str = LOGIN) -> list[int]:
    return [reveal.pk for reveal in active(person, login)]


def how(reveal: Reveal) -> str:
    reveal.refresh_from_db()
    return reveals.how_it_ended(reveal, datetime.now(UTC))


def test_it_is_in_force_for_the_login_that_began_it_and_for_no_other_and_nobody_else() -> None:
    anna, ben = people.support(), people.approver()
    one = revealed(anna)
    assert ids(anna) == [one.pk]
    assert ids(anna, OTHER_LOGIN) == []
    assert ids(ben) == []
    assert ids(anna, "") == [], "a request without a session"
    assert (one.reason, one.ticket, one.address, one.role) == ("asked by the patient", "SUP-1", "203.0.113.7", "support")
    assert how(one) == ""


def test_the_row_keeps_neither_the_session_s_key_nor_a_hash_that_anybody_could_compute() -> None:
    one = revealed(people.support())
    assert "a-session" not in one.session
    assert session_hash("a-session") == one.session
    assert session_hash(None) == ""


def test_it_ends_by_its_time() -> None:
    anna = people.support()
    one = revealed(anna, lasts=timedelta(0))
    assert ids(anna) == []
    assert how(one) == "time"


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (reveals.end, "by hand"),
        (lambda one: reveals.end_of_login("a-session"), "logout"),
        (lambda one: cases.end(one.case), "case"),
    ],
)
def test_it_ends_by_hand_by_logout_and_with_its_case_at_once(end: Callable[[Reveal], object], expected: str) -> None:
    anna = people.support()
    one = revealed(anna, case=a_case(anna))
    end(one)
    assert ids(anna) == []
    assert how(one) == expected
    assert not reveals.end(one), "it has ended already"
    assert how(one) == expected


@pytest.mark.parametrize("change", [{"role": Role.VIEWER}, {"role": Role.ADMIN}, {"is_active": False}])
def test_it_ends_with_the_role_also_if_the_role_is_given_back(change: dict[str, object]) -> None:
    anna = people.support()
    one = revealed(anna)
    Person.objects.filter(pk=anna.pk).update(**change)  # as another program does: nothing in this process is told
    assert ids(Person.objects.get(pk=anna.pk)) == []
    assert how(one) == "role"
    Person.objects.filter(pk=anna.pk).update(role=Role.SUPPORT, is_active=True)
    assert ids(Person.objects.get(pk=anna.pk)) == []


def test_a_role_that_is_changed_in_this_process_ends_it_without_anybody_looking() -> None:
    anna = people.support()
    one = revealed(anna)
    anna.set_password("another-long-password")
    anna.save()
    assert how(one) == ""
    anna.role = Role.VIEWER
    anna.save()
    assert how(one) == "role"


def test_it_never_outlasts_its_case_nor_lives_on_if_the_case_was_ended_elsewhere() -> None:
    anna = people.support()
    case = a_case(anna, timedelta(minutes=5))
    one = revealed(anna, case=case)
    assert one.ends == case.ends
    Case.objects.filter(pk=case.pk).update(closed=datetime.now(UTC))
    assert ids(anna) == []


def test_those_that_end_first_come_first_and_what_logins_have_is_told_for_many_at_once() -> None:
    anna, ben = people.support(), people.approver()
    late, soon = (
        revealed(anna),
        revealed(anna, Subject(kind="aggregate", aggregate_type="patient", aggregate_id="1"), lasts=QUARTER / 3),
    )
    other = reveals.begin(ben, OTHER_LOGIN, EVENT, STATED, lasts=QUARTER, case=None)
    assert ids(anna) == [soon.pk, late.pk]
    assert reveals.in_force_of([LOGIN, OTHER_LOGIN, "none"]) == {LOGIN: (late.pk, soon.pk), OTHER_LOGIN: (other.pk,)}
    assert reveals.already(active(anna, LOGIN), EVENT) == late
    assert reveals.already(active(anna, LOGIN), Subject(kind="event", event_id="e-2")) is None


def test_who_lost_the_right_to_reveal_keeps_nothing_by_an_emergency() -> None:
    viewer = people.viewer()
    one = reveals.begin(viewer, LOGIN, EVENT, Stated(reason="r", ticket="t", emergency=True), lasts=QUARTER, case=None)
    assert ids(viewer) == [], "this installation allows none"
    assert how(one) == "role"
