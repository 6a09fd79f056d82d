"""What is in the index, as tests of writers compare it."""

import threading
from collections.abc import Callable, Sequence

from django.apps import apps
from django.db import connections

from eventstore.index.models import IndexedPartition, IndexSecret, MergingRow
from eventstore.model.events import Event, Topic
from eventstore.model.pointers import Pointer
from tests.indexing import all_pointers, pointers

PATIENTS = Topic(name="patients")


def versions(type: str, id: str) -> list[int | None]:
    """Of the aggregate, in the order of the log."""
    found = [pointer for pointer in all_pointers() if (pointer.aggregate_type, pointer.aggregate_id) == (type, id)]
    return [pointer.version for pointer in found]


def facts(pointer: Pointer) -> tuple[object, ...]:
    """All that was found out about it but for what names its topic."""
    return (
        pointer.ordinal, pointer.type, pointer.time, pointer.version, pointer.aggregate_id, pointer.correlation_id,
        pointer.unreadable, tuple(pointer.anomalies),
    )  # fmt: skip


def everything() -> dict[str, int]:
    """How many rows each table has but those of one row for the whole index, and how many events there are."""
    tables = [model for model in apps.get_app_config("index").get_models() if model not in (IndexSecret, MergingRow)]
    rows = {model.__name__: model._default_manager.using("index").count() for model in tables}
    return {**rows, "events": sum(IndexedPartition.objects.using("index").values_list("next_ordinal", flat=True))}


def together(*work: Callable[[], None]) -> list[BaseException]:
    """Run these in parallel, each in a thread with its own connections; return what failed."""
    failures: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - shown by the test, in its own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def assert_same_as(log: Sequence[Event]) -> None:
    """The partition's pointers are this log's, event for event, with the versions that counting gives."""
    counted: dict[str, int] = {}
    expected = []
    for ordinal, written in enumerate(log):
        counted[written.aggregate_id] = counted.get(written.aggregate_id, 0) + 1
        expected.append((ordinal, written.position, written.id, written.time, counted[written.aggregate_id]))
    found = [(p.ordinal, p.position, p.event_id, p.time, p.version) for p in pointers()]
    assert found == expected
