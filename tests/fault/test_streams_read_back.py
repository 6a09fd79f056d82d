"""A whole file through each store, and back from a fresh index. ``test_indexers`` does the same while indexers are killed."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

from eventstore.importing import import_messages, parse_lines
from eventstore.model.storage import Storage
from tests.desk_process import ROOT
from tests.stream_check import Document, assert_ordinals_gapless, assert_streams_read_back, by_stream

POSTGRES, BROKER, PERMIT, SOAK = pytest.mark.postgres, pytest.mark.broker, pytest.mark.permit, pytest.mark.soak
SHORT = 150
"""Applications of a generated history."""


@pytest.mark.parametrize(
    ("address", "documents"),
    [
        ("sqlite", SHORT),
        pytest.param("sqlite", "permit", marks=PERMIT),
        pytest.param("postgres", SHORT, marks=POSTGRES),
        pytest.param("postgres", "permit", marks=[POSTGRES, PERMIT, SOAK]),
        pytest.param("pulsar", SHORT, marks=BROKER),
        pytest.param("pulsar", "permit", marks=[BROKER, PERMIT, SOAK]),
    ],
    indirect=True,
)
def test_every_stream_reads_back_from_a_fresh_index(
    storage: Storage, address: Mapping[str, str], documents: Sequence[Document]
) -> None:
    name = _imported(storage, documents)
    command = [sys.executable, "manage.py", "run_index", "--until-caught-up"]
    indexed = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **address}, stdout=subprocess.DEVNULL, timeout=240, check=False
    )
    assert indexed.returncode == 0
    # A page for each of so many streams takes a while: on one store for the long file, on each for the short one.
    page_by_page = len(documents) < 5_000 or storage.log.capabilities.amount_unit == "entries"
    assert assert_streams_read_back(storage, documents, page_by_page=page_by_page) == len(by_stream(documents))
    assert_ordinals_gapless(name, len(documents))


def _imported(storage: Storage, documents: Sequence[Document]) -> str:
    name = storage.log.create_topic("permits", partitions=2).name
    text = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    summary = import_messages(storage.log, name, parse_lines(io.BytesIO(text)))
    assert (summary.imported, summary.rejected_count) == (len(documents), 0)
    return name
