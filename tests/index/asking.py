"""Asking the index, and the plan by which the database does."""

from collections.abc import Callable

from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.index.lookup import queries
from eventstore.model.events import Topic

PATIENTS = Topic(name="patients")


def found(prefix: str, limit: int = 100) -> list[tuple[str, str]]:
    return [(row.type, row.id) for row in queries.aggregates_anywhere(prefix, limit)]


def plans_of(ask: Callable[[], object]) -> str:
    """How the database goes about each query that this asks."""
    connection = connections["index"]
    with CaptureQueriesContext(connection) as captured:
        ask()
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    plans: list[str] = []
    with connection.cursor() as cursor:
        for asked in captured.captured_queries:
            cursor.execute(f"{explain} {asked['sql']}")
            plans += [asked["sql"], *(str(row[-1]) for row in cursor.fetchall())]
    return "\n".join(plans)
