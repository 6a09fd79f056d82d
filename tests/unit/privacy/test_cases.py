"""A case is one person's, one at a time, and closes by hand or by its time."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from dashboard.models import Case, Person
from dashboard.privacy.by_reason import cases
from tests import people

HOUR = timedelta(hours=1)


def begun(person: Person, lasts: timedelta = HOUR) -> Case | None:
    return cases.begin(person, ticket="SUP-1", reason="the patient asks", lasts=lasts)


def how(case: Case) -> str:
    case.refresh_from_db()
    return cases.how_it_closed(case, datetime.now(UTC))


@pytest.mark.django_db
def test_a_person_has_one_open_case_and_another_person_has_another() -> None:
    anna, ben = people.support(), people.approver()
    first = begun(anna)
    assert first is not None
    assert begun(anna) is None
    assert begun(ben) is not None
    assert cases.open_case(anna) == first
    assert cases.closed_at(first, datetime.now(UTC)) is None
    assert cases.end(first)
    assert not cases.end(first), "it is closed already"
    assert (how(first), cases.open_case(anna)) == ("by hand", None)
    assert begun(anna) is not None


@pytest.mark.django_db
def test_a_case_closes_by_its_time_and_the_next_one_settles_what_its_row_says() -> None:
    anna = people.support()
    old = begun(anna, timedelta(0))
    assert old is not None
    assert cases.open_case(anna) is None
    assert (how(old), cases.closed_at(old, datetime.now(UTC))) == ("time", old.ends)
    assert begun(anna) is not None
    old.refresh_from_db()
    assert (old.how_closed, old.closed) == ("time", old.ends)


@pytest.mark.usefixtures("desk_databases")
def test_of_eight_that_open_a_case_at_the_same_moment_one_does() -> None:
    anna = people.support()
    found: list[Case | None] = []

    def work() -> None:
        found.append(begun(anna))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(case is not None for case in found) == 1
    assert len(found) == 8
