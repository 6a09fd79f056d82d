"""Asking the index: by the beginning of an id, page by page, from positions to ordinals; by an index of the database each.

``tests/contract/test_index_on_postgres.py`` asks the same of PostgreSQL.
"""

from datetime import UTC, datetime

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.index.lookup import hour_counts, queries
from eventstore.index.models import IndexedPartition, StreamRow
from eventstore.index.tables.names import Names
from eventstore.index.writing.prepared_batch import microseconds
from eventstore.model.pointers import MiddleHours, OutlyingEvents
from tests.hostile import NAMES
from tests.index.asking import PATIENTS, found, plans_of
from tests.indexing import START, event, index

pytestmark = pytest.mark.usefixtures("desk_databases")
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


def many_aggregates(count: int) -> None:
    """Of ten types, in two partitions, with statistics as a database has them after a while."""
    for number in range(2):
        index([event(0, partition=number)], topic=PATIENTS, partition=number)
    names = Names().numbers_of(f"type{number}" for number in range(10))
    rows = list(IndexedPartition.objects.using("index").order_by("number"))
    StreamRow.objects.using("index").bulk_create(
        [
            StreamRow(
                partition=rows[number % 3 % 2],
                type_id=names[f"type{number % 10}"],
                aggregate_id=f"p{number:07}",
                events=1,
                first_segment=0,
                first_time=microseconds(START),
                last_time=microseconds(START),
                last_types="[]",
            )
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
    for ask in (
        lambda: queries.aggregates_anywhere("p00012", 20),
        lambda: queries.aggregates("type3", limit=50),
        lambda: queries.aggregates("type3", prefix="p0001", limit=50),
        lambda: queries.aggregates("type3", after="p0002003", limit=50),
        lambda: queries.aggregates("type3", prefix="p0001", before="p0001503", limit=50),
        lambda: queries.aggregate("type3", "p0000013"),
    ):
        assert_streams_are_found_by_an_index(plans_of(ask))


STREAM_INDEXES = ("streams_by_type", "one_row_a_stream", "sqlite_autoindex_index_streamrow")


def assert_streams_are_found_by_an_index(plan: str) -> None:
    assert any(name in plan for name in STREAM_INDEXES), plan
    for line in plan.splitlines():
        whole = line.strip(" ->").startswith(("SCAN index_streamrow", "Seq Scan on index_streamrow"))
        assert not whole or "USING" in line, plan


def test_a_page_of_aggregates_costs_as_many_queries_as_a_line_of_it() -> None:
    """Of aggregates with types of their own: the names are asked for together."""
    known(*((f"type{number}", f"p{number:02}") for number in range(60)))

    def asked(limit: int) -> int:
        with CaptureQueriesContext(connections["index"]) as captured:
            assert len(queries.aggregates_anywhere("p", limit)) == limit
        return len(captured)

    assert asked(50) == asked(1)


def test_the_middle_hours_of_a_topic_leave_out_a_few_events_far_from_all_others() -> None:
    assert hour_counts.middle_of("patients") == MiddleHours()
    before_1970 = [datetime(1968, 2, 1 + number // 8, number % 8, 30, tzinfo=UTC) for number in range(24)]
    far = [datetime(1901, 1, 1, 23, 30, tzinfo=UTC), datetime(2099, 1, 1, 5, 30, tzinfo=UTC)]
    index([event(number, time=time) for number, time in enumerate([*before_1970, *far])], topic=PATIENTS)
    middle = hour_counts.middle_of("patients")
    assert middle.ends == datetime(1968, 2, 3, 8, tzinfo=UTC)
    assert [sum(types.values()) for _, types in hour_counts.hours_of("patients", 24, before=middle.ends)] == [1] * 8
    assert middle.later is None
    hours = [time.replace(minute=0) for time in far]
    assert [middle.earlier, middle.future] == [OutlyingEvents(events=1, first=hour, last=hour) for hour in hours]
