"""No page reads a whole table that grows with the events: what a page costs with a thousand, it costs with a million."""

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.index.writing import duplicates
from tests.web.desk import Desk
from tests.web.test_finding_by_value import registered

GROWING = ("streamrow", "blockrow", "idkey", "linkkey", "streamkey", "hourcount", "anomalyrow")
SCAN = re.compile(r"SCAN (\w+)")
NAMED = re.compile(rf'\b(index_(?:{"|".join(GROWING)}))\b"?(?: (?!INDEXED|WHERE|INNER|JOIN|ON|ORDER|LIMIT|AS|GROUP)"?(\w+))?')
PAGES = [
    "/",
    "/topics/",
    "/topics/patients/",
    "/topics/patients/?before=2024-05-02T00:00:00Z",
    "/topics/patients/?since=2024-05-01T00:00:00Z",
    "/topics/patients/details/",
    "/topics/patients/subscriptions/mailer/",
    "/aggregates/",
    "/aggregates/patient/",
    "/aggregates/patient/?q=p",
    "/aggregates/patient/?order=id",
    "/aggregates/patient/p-1/",
    "/aggregates/patient/p-1/?filter=type=x",
    "/aggregates/patient/p-1/erasure/",
    "/aggregates/?q=p-1",
    "/aggregates/?q=a1@example.org",
    "/aggregates/?q=patient+p-1",
    "/aggregates/?q=nowhere",
    "/events/e-1/",
    "/anomalies/",
    "/anomalies/duplicate-id/",
    "/subscriptions/",
    "/projections/",
    "/index/",
]


def scans(asked: CaptureQueriesContext) -> list[tuple[str, str]]:
    """The lines of plans that read a growing table as a whole, each with its query."""
    found = []
    for sql in {query["sql"] for query in asked.captured_queries}:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            names = {name for pair in NAMED.findall(sql) for name in pair if name}
            with connections["index"].cursor() as cursor:
                cursor.cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                lines = [line[-1] for line in cursor.cursor.fetchall()]
            found += [(line, sql) for line in lines if (scan := SCAN.match(line)) and scan[1] in names]
    return found


def test_no_page_reads_a_whole_table_that_grows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.searchable():
        registered(desk, *[(f"p-{n % 40}", f"a{n}@example.org") for n in range(300)])
        desk.subscribe("mailer", topic="patients")
        monkeypatch.setattr(duplicates, "FEW", 0)
        registered(desk, *[(f"p-{n % 40}", f"a{n}@example.org") for n in range(70)])
        for page in PAGES:
            with CaptureQueriesContext(connections["index"]) as asked:
                assert desk.get(page, "privacy" if "erasure" in page else "support").status_code < 400, page
            assert asked.captured_queries, page
            assert scans(asked) == [], page


SORTED = {"/aggregates/patient/", "/aggregates/patient/?q=p"}
"""These sort the aggregates of a type, up to 50,000 of them."""


def test_pages_ask_the_index_as_much_of_ten_times_the_events(desk: Desk) -> None:
    """Counted in steps of SQLite's machine, a hundred at a time."""
    with desk.searchable():
        registered(desk, *[(f"p-{n % 60}", f"a{n}@example.org") for n in range(300)])
        desk.subscribe("mailer", topic="patients")
        before = steps(desk)
        registered(desk, *[(f"q-{n % 300}", f"b{n}@example.org") for n in range(3_000)])
        after = steps(desk)
    grown = {page: (before[page], after[page]) for page in before if after[page] > 1.5 * before[page] + 100}
    assert not grown


def steps(desk: Desk) -> dict[str, int]:
    counted: dict[str, int] = {}
    for page in PAGES:
        if page not in SORTED and "erasure" not in page:
            passed: list[None] = []
            connections["index"].connection.set_progress_handler(lambda: passed.append(None), 100)  # noqa: B023
            assert desk.get(page).status_code < 400, page
            counted[page] = len(passed)
    connections["index"].connection.set_progress_handler(None, 100)
    return counted
