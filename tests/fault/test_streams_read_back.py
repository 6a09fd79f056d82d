"""A whole file through each store and back: from a fresh index, and from one whose indexer was killed on the way.

Lives with the faults, since the second half is one.
"""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest
from django.db.models import Sum

from eventstore.importing import import_messages, parse_lines
from eventstore.index.models import IndexedPartition
from eventstore.model.storage import Storage
from eventstore.samples.health import permit_like
from tests.contract.stores import storage_from
from tests.desk_process import ROOT
from tests.namespaces import own_namespace
from tests.shared_data import permit_file
from tests.stream_check import Document, assert_ordinals_gapless, assert_streams_read_back, by_stream, documents_of


@pytest.fixture(
    params=[
        "database-sqlite",
        pytest.param("database-postgres", marks=pytest.mark.postgres),
        pytest.param("pulsar", marks=pytest.mark.broker),
    ]
)
def address(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """Where the store is, as the environment of a process; nothing but this test's topic is in it.

    Where the store is on PostgreSQL, so is the index.
    """
    if request.param == "pulsar":
        return {**desk_databases, **own_namespace(request.getfixturevalue("pulsar_broker"))}
    if request.param == "database-postgres":
        store = request.getfixturevalue("store_on_postgres")
        index = request.getfixturevalue("index_on_postgres")
        return {**desk_databases, "STORE_DATABASE_URL": store, "INDEX_DATABASE_URL": index}
    return desk_databases


@pytest.fixture
def storage(address: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(address)
    yield opened
    opened.close()


SHORT = 60
"""Applications of a history in which each commit of the indexer is a few events, so that five kills fall within it."""


@pytest.fixture(params=["generated", pytest.param("permit", marks=pytest.mark.permit)])
def documents(request: pytest.FixtureRequest) -> Sequence[Document]:
    """The events to go through: some that the project makes itself, and the real ones."""
    if request.param == "permit":
        documents = documents_of(permit_file())
        assert (len(documents), len(by_stream(documents))) == (8577, 1434), "the permit file is not whole"
        return documents
    return list(permit_like(seed=20260301, applications=SHORT if request.param == "short" else 150))


def test_every_stream_reads_back_from_a_fresh_index(
    storage: Storage, address: Mapping[str, str], documents: Sequence[Document]
) -> None:
    name = _imported(storage, documents)
    indexed = _index(address)
    assert indexed.wait(timeout=240) == 0
    # A page for each of so many streams takes a while: on one store for the long file, on each for the short one.
    page_by_page = len(documents) < 5_000 or storage.capabilities.backlog_unit == "entries"
    assert assert_streams_read_back(storage, documents, page_by_page=page_by_page) == len(by_stream(documents))
    assert_ordinals_gapless(name, len(documents))


@pytest.mark.parametrize(
    ("address", "documents"),
    [
        ("database-sqlite", "generated"),
        pytest.param("database-sqlite", "permit", marks=pytest.mark.permit),
        pytest.param("database-postgres", "permit", marks=[pytest.mark.postgres, pytest.mark.permit]),
        pytest.param("pulsar", "permit", marks=[pytest.mark.broker, pytest.mark.permit]),
        pytest.param("database-postgres", "short", marks=pytest.mark.postgres),
        pytest.param("pulsar", "short", marks=pytest.mark.broker),
    ],
    indirect=True,
)
def test_every_stream_reads_back_after_the_indexer_was_killed_on_the_way(
    storage: Storage, address: Mapping[str, str], documents: Sequence[Document]
) -> None:
    _index_with_kills(storage, address, documents, kills=5)


@pytest.mark.soak
def test_every_stream_of_a_longer_history_reads_back_after_twenty_kills(storage: Storage, address: Mapping[str, str]) -> None:
    _index_with_kills(storage, address, list(permit_like(seed=20260302, applications=3000)), kills=20)


def _index_with_kills(storage: Storage, address: Mapping[str, str], documents: Sequence[Document], *, kills: int) -> None:
    """Index while the indexer is killed again and again, each time a random moment after it has committed something."""
    name = _imported(storage, documents)
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    for _ in range(kills):
        before = _indexed_events(name)
        process = _index(address, "--batch", str(max(1, len(documents) // (30 * kills))))
        _wait_until(partial(_has_advanced, name, before, process))
        time.sleep(chance.random() * 0.05)
        assert process.poll() is None, "the indexer had finished before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert 0 < _indexed_events(name) < len(documents), "every kill must fall within the catch-up"
    assert _index(address).wait(timeout=240) == 0
    assert_streams_read_back(storage, documents, page_by_page=False)
    assert_ordinals_gapless(name, len(documents))


def _imported(storage: Storage, documents: Sequence[Document]) -> str:
    name = storage.create_topic("permits", partitions=2).name
    text = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    summary = import_messages(storage, name, parse_lines(io.BytesIO(text)))
    assert (summary.imported, summary.rejected_count) == (len(documents), 0)
    return name


def _index(address: Mapping[str, str], *options: str) -> subprocess.Popen[bytes]:
    """An indexer, as a process, on this test's databases and store."""
    command = [sys.executable, "manage.py", "run_index", "--until-caught-up", *options]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **address}, stdout=subprocess.DEVNULL)


def _indexed_events(name: str) -> int:
    found = IndexedPartition.objects.filter(topic=name).aggregate(total=Sum("next_ordinal"))
    return int(found["total"] or 0)


def _has_advanced(name: str, before: int, process: subprocess.Popen[bytes]) -> bool:
    return _indexed_events(name) > before or process.poll() is not None


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the indexer made no progress"
        time.sleep(0.002)
