"""Asking the index: by the beginning of an id, page by page, from positions to ordinals; by an index of the database each.

``tests/contract/test_index_on_postgres.py`` asks the same of PostgreSQL.
"""

import random
from collections.abc import Callable

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.events import Position, Topic
from eventstore.index import ordinals, queries
from eventstore.index.models import AggregateRow, PointerRow
from eventstore.ordering import AFTER_ALL, encode
from tests.hostile import NAMES
from tests.indexing import START, event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")
ORDERED_DIFFERENTLY = [
    "Anna",
    "B",
    "a",
    "a-b",
    "aB",
    "ab",
    "b",
    "ab c",
    "Ä",
    "ä",
    "Z",
    "z",
    "_",
    "1",
    "10",
    "2",
    "\uffff",
    "🩺",
]
"""SQLite and Python sort these by code point, a database of English readers in quite another way."""


def known(*keys: tuple[str, str]) -> None:
    index([event(number, aggregate=key) for number, key in enumerate(keys)], topic=PATIENTS)


def found(prefix: str, limit: int = 100) -> list[tuple[str, str]]:
    return [(row.type, row.id) for row in queries.aggregates_anywhere(prefix, limit)]


def plan_of(ask: Callable[[], object]) -> str:
    """How the database goes about the one query that this asks."""
    connection = connections["index"]
    with CaptureQueriesContext(connection) as captured:
        ask()
    (asked,) = captured.captured_queries
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {asked['sql']}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def many_aggregates(count: int) -> None:
    """Of ten types, with statistics as a database has them after a while."""
    AggregateRow.objects.using("index").bulk_create(
        [
            AggregateRow(type=f"type{number % 10}", aggregate_id=f"p{number:07}", first_time=START, last_time=START)
            for number in range(count)
        ],
        batch_size=1000,
    )
    with connections["index"].cursor() as cursor:
        cursor.execute("ANALYZE")


def test_an_id_is_found_by_its_beginning_in_every_type_and_an_exact_match_comes_first() -> None:
    known(("patient", "47110"), ("patient", "4711"), ("document", "4711"), ("document", "47"), ("patient", "5"))
    assert found("4711") == [("document", "4711"), ("patient", "4711"), ("patient", "47110")]
    assert found("47", limit=2) == [("document", "47"), ("document", "4711")]
    assert found("48") == []


def test_upper_and_lower_case_and_signs_of_patterns_are_told_apart() -> None:
    known(("patient", "Anna"), ("patient", "anna"), ("patient", "a%b"), ("patient", "a_b"), ("patient", "axb"))
    assert found("A") == [("patient", "Anna")]
    assert found("a%") == [("patient", "a%b")]
    assert found("a_") == [("patient", "a_b")]


@pytest.mark.parametrize("last", ["", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "\U0010ffff\U0010ffff"])
def test_nothing_that_begins_so_is_missed_whatever_characters_come_before_and_after(last: str) -> None:
    prefix = f"é{last}"
    ids = [prefix, f"{prefix}0", f"{prefix}\U0010ffff", f"{prefix}\U0010ffffz"]
    known(*(("patient", id) for id in [*ids, "e", "ê", "ê0"]))
    assert [id for _, id in found(prefix) if id not in ("e", "ê", "ê0")] == ids
    assert [row.id for row in queries.aggregates("patient", prefix=prefix, limit=10).items] == ids


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_id_is_found_by_each_of_its_beginnings(name: str) -> None:
    known(("patient", name), ("patient", "x"))
    for end in range(1, min(len(name), 40) + 1):
        assert ("patient", name) in found(name[:end]), name[:end]


def test_an_id_of_the_very_last_characters_is_found_by_them() -> None:
    known(("patient", "\U0010ffff"), ("patient", "a"))
    assert found("\U0010ffff") == [("patient", "\U0010ffff")]


def test_pages_of_a_types_aggregates_neither_lose_nor_double_one_and_lie_by_code_point() -> None:
    known(*(("patient", id) for id in ORDERED_DIFFERENTLY))
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = queries.aggregates("patient", after=after, limit=3)
        seen += [row.id for row in page.items]
        after = page.older
    assert seen == sorted(ORDERED_DIFFERENTLY)
    back: list[str] = []
    before: str | None = "\U0010ffff"
    while before is not None:
        page = queries.aggregates("patient", before=before, limit=3)
        back = [row.id for row in page.items] + back
        before = page.newer
    assert back == seen


def test_ids_are_found_by_an_index_and_not_by_reading_all() -> None:
    many_aggregates(5_000)
    assert "aggregates_by_id" in plan_of(lambda: queries.aggregates_anywhere("p00012", 20))
    for ask in (
        lambda: queries.aggregates("type3", limit=50),
        lambda: queries.aggregates("type3", prefix="p0001", limit=50),
        lambda: queries.aggregates("type3", after="p0002003", limit=50),
        lambda: queries.aggregates("type3", prefix="p0001", before="p0001503", limit=50),
    ):
        plan = plan_of(ask).replace("aggregates_by_id", "an index by id").replace("one_row_an_aggregate", "an index by id")
        assert "an index by id" in plan or "sqlite_autoindex_index_aggregaterow" in plan
        assert "SCAN" not in plan and "Seq Scan" not in plan and "TEMP B-TREE" not in plan


def test_many_positions_are_looked_up_at_once_as_one_by_one() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    index([event(number) for number in sorted(chance.sample(range(20_000), 500))], topic=PATIENTS)
    index([event(number, partition=1) for number in range(50)], topic=PATIENTS, partition=1)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    whole = [Position(topic="patients", partition=0, token=encode(7, number) + AFTER_ALL) for number in range(0, 20_000, 999)]
    asked = [place(number) for number in chance.sample(range(20_000), 100)] + whole
    assert ordinals.ordinals_after(partition, asked) == {each: ordinals.ordinal_after(partition, each) for each in asked}
    assert ordinals.ordinals_after(partition, []) == {}


def test_more_positions_than_fit_a_statement_are_looked_up_in_a_few() -> None:
    index([event(number) for number in range(100)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    asked = [place(number) for number in range(2 * ordinals.TOKENS_A_STATEMENT + 1)]
    with CaptureQueriesContext(connections["index"]) as captured:
        answers = ordinals.ordinals_after(partition, [*asked, *asked])
    assert len(captured) == 3
    assert answers == {position: min(number + 1, 100) for number, position in enumerate(asked)}


def test_positions_are_looked_up_by_the_index_of_tokens() -> None:
    index([event(number) for number in range(3_000)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    with connections["index"].cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = plan_of(lambda: ordinals.ordinals_after(partition, [place(7), place(2_500)]))
    assert "pointers_by_token" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("there", "counted"), [(0, (0, False)), (999, (999, False)), (1_000, (1_000, True)), (1_001, (1_000, True))]
)
def test_what_fits_no_envelope_is_counted_up_to_a_thousand(there: int, counted: tuple[int, bool]) -> None:
    index([event(number, problem="it is empty") for number in range(there)] or [event(0)], topic=PATIENTS)
    assert PointerRow.objects.using("index").filter(unreadable=True).count() == there
    assert queries.unreadable_count() == counted
