"""Questions whose statement is put together once."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import CharField, Count, DateTimeField, IntegerField, QuerySet

from dashboard.models import Case, Person
from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.prepared import Prepared

NOW = datetime(2026, 5, 1, 9, 0, 0, 123456, tzinfo=UTC)


def until(number: int) -> datetime:
    return NOW + timedelta(seconds=number)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
def indexers(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> None:
    """Three, of which the first ends first."""
    if request.param == "postgres":
        request.getfixturevalue("index_on_postgres")
    IndexerRow.objects.bulk_create(
        IndexerRow(owner=f"o{number}", wants_more=False, until=until(number)) for number in range(3)
    )


def lasting(owner: str, now: datetime) -> "QuerySet[IndexerRow]":
    return IndexerRow.objects.filter(owner__gte=owner, until__gt=now).order_by("owner")


LASTING = Prepared(lasting, owner=CharField(), now=DateTimeField())


def test_its_rows_are_those_of_the_query_set_whatever_the_parameters(indexers: None) -> None:
    for owner in ("", "o1", "o2", "o9", "'; --", "ä%s"):
        for number in (-1, 0, 1, 2):
            asked = LASTING(owner=owner, now=until(number))
            assert [vars(row)["until"] for row in asked] == [row.until for row in lasting(owner, until(number))]
            assert asked == list(lasting(owner, until(number)))
    assert all(row._state.db == "index" and not row._state.adding for row in LASTING(owner="", now=until(-1)))


@pytest.mark.parametrize("number", [0, -1, 2**31 - 1, 2**31, -(2**31), 2**63, 2**64, -(2**70), 10**40])
def test_a_number_that_no_column_holds_is_compared_all_the_same(indexers: None, number: int) -> None:
    def numbered(number: int) -> "QuerySet[IndexedPartition]":
        return IndexedPartition.objects.filter(number=number)

    IndexedPartition.objects.create(topic="t", number=2**31 - 1, kind="events")
    found = Prepared(numbered, number=IntegerField())(number=number)
    assert [row.number for row in found] == [row.number for row in numbered(number)] == [number] * (number == 2**31 - 1)


def test_it_asks_anew_each_time(indexers: None) -> None:
    assert len(LASTING(owner="", now=until(-1))) == 3
    IndexerRow.objects.filter(owner="o1").delete()
    assert [row.owner for row in LASTING(owner="", now=until(-1))] == ["o0", "o2"]


def test_values_and_counts_are_converted_as_usual(indexers: None) -> None:
    IndexedPartition.objects.create(topic="t", number=0, kind="events", caught_up_at=NOW)

    def counted() -> Any:
        return IndexedPartition.objects.values("topic", "caught_up_at").annotate(count=Count("id"))

    def owners(now: datetime) -> Any:
        return IndexerRow.objects.filter(until__gt=now).order_by("owner").values_list("owner", "until")[:2]

    assert Prepared(counted)() == [{"topic": "t", "caught_up_at": NOW, "count": 1}] == list(counted())
    assert Prepared(owners, now=DateTimeField())(now=NOW) == [("o1", until(1)), ("o2", until(2))]


def test_what_it_is_joined_with_is_there_without_another_question(
    desk_databases: dict[str, str], django_assert_num_queries: Any
) -> None:
    person = Person.objects.create_user(username="ina", role="support")
    Case.objects.create(person=person, ticket="T-1", reason="r", opened=NOW, ends=until(60))
    prepared = Prepared(
        lambda person, now: Case.objects.select_related("person").filter(person=person, ends__gt=now),
        person=IntegerField(),
        now=DateTimeField(),
    )
    with django_assert_num_queries(1):
        (found,) = prepared(person=person.pk, now=NOW)
        assert found.person.username == "ina"
    assert prepared(person=person.pk + 1, now=NOW) == prepared(person=person.pk, now=until(60)) == []


@pytest.mark.slow
def test_it_is_put_together_once_for_each_kind_of_database(desk_databases: dict[str, str], index_on_postgres: str) -> None:
    times = []

    def counted(owner: str) -> "QuerySet[IndexerRow]":
        times.append(connections["index"].vendor)
        return IndexerRow.objects.filter(owner=owner)

    prepared = Prepared(counted, owner=CharField())
    assert [prepared(owner=str(number)) for number in range(3)] == [[], [], []]
    assert times == ["postgresql"]


def test_threads_ask_it_at_the_same_time_each_by_its_own_connection(indexers: None) -> None:
    found: list[int] = []

    def ask(number: int) -> None:
        found.extend(len(LASTING(owner="", now=until(number))) - (2 - number) for _ in range(20))
        connections.close_all()

    threads = [threading.Thread(target=ask, args=(number,)) for number in (-1, 0, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 80


def test_a_parameter_that_nothing_is_compared_with_is_refused(desk_databases: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="'owner'"):
        Prepared(lambda owner: IndexerRow.objects.all(), owner=CharField())(owner="x")
