"""The pieces that a search reads: as many events as fit its bounds, more at a time once it knows their size."""

from typing import Any

import pytest

from eventstore.drivers.database.table_reads import TableReader
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.scanning import partition_reader
from tests.unit.scanning.scans import _With, ended, publish, scan_of

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.mark.slow
def test_pieces_are_bounded_whatever_the_payloads(log: UnfoldedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the first piece, and those after small payloads."""
    monkeypatch.setattr(partition_reader, "MOST_BYTES", 100_000)
    topic = publish(log, 300, payload=b'"' + b"x" * 5_000 + b'"')
    publish(log, 100, start=300, payload=b"1")
    sizes: list[int] = []

    def noted(*args: Any, **names: Any) -> Any:
        found = log.read_backward(*args, **names)
        sizes.append(sum(len(message.payload) for message in found))
        return found

    progress = ended(scan_of(_With(log, read_backward=noted), topic, "type:nothing"))
    assert (progress.complete, progress.read) == (True, 400)
    assert max(sizes) < 50_000 + 5_010


@pytest.mark.slow
def test_pieces_read_forward_grow_with_what_was_seen(log: UnfoldedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_reader, "MOST_BYTES", 100_000)
    topic = publish(log, 300, payload=b'"' + b"x" * 5_000 + b'"')
    read, sizes = TableReader.read, list[int]()

    def noted(reader: TableReader, **names: Any) -> Any:
        found = read(reader, **names)
        sizes.append(sum(len(message.payload) for message in found))
        return found

    monkeypatch.setattr(TableReader, "read", noted)
    progress = ended(scan_of(log, topic, "type:nothing", newest_first=False))
    assert (progress.complete, progress.read) == (True, 300)
    assert max(sizes) < 50_000 + 5_010
