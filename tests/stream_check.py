"""Comparing what the desk shows of a file's streams to the file itself, event for event and field for field."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eventstore.config.loading import Config
from eventstore.desk import Desk
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.model.events import Event
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage
from tests.indexing import all_pointers, pointers
from tests.safeguards import ONLY_LOOKING

Document = Mapping[str, Any]
StreamKey = tuple[str, str]
PIECE = 2000


def looking(storage: Storage, config: Config | None = None) -> Desk:
    """Return a desk for someone who may read everything and change nothing."""
    return Desk(storage=storage, config=config or Config(), safeguards=ONLY_LOOKING)


def documents_of(path: Path) -> list[Document]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def by_stream(documents: Iterable[Document]) -> dict[StreamKey, list[Document]]:
    """The file's streams, each in the file's order."""
    streams: dict[StreamKey, list[Document]] = {}
    for document in documents:
        streams.setdefault((document["aggregatetype"], document["aggregateid"]), []).append(document)
    return streams


def assert_streams_read_back(storage: Storage, documents: Sequence[Document], *, page_by_page: bool = True) -> int:
    """Every stream of these documents reads back whole, in order, its versions 1, 2, 3 …; answers how many there were.

    Nothing else may be in the index. ``page_by_page`` reads as a person would, one stream after the other; else the same
    pointers are read and the same messages fetched, in large pieces.
    """
    desk = looking(storage)
    expected = by_stream(documents)
    found = {key: _whole_stream(desk, *key) for key in expected} if page_by_page else _all_streams(desk, set(expected))
    for key, stream in expected.items():
        rows = found[key]
        assert [pointer.version for pointer, _ in rows] == list(range(1, len(stream) + 1)), key
        for (pointer, event), document in zip(rows, stream, strict=True):
            _assert_same(pointer, event, document)
    kinds = desk.index.aggregate_types()
    assert sum(kind.aggregates for kind in kinds) == len(expected)
    assert sum(kind.events for kind in kinds) == len(documents)
    return len(expected)


def _all_streams(desk: Desk, keys: set[StreamKey]) -> dict[StreamKey, list[tuple[Pointer, Event]]]:
    streams: dict[StreamKey, list[tuple[Pointer, Event]]] = {key: [] for key in keys}
    found = sorted(all_pointers(), key=lambda pointer: pointer.version or 0)
    for start in range(0, len(found), PIECE):
        piece = found[start : start + PIECE]
        messages = desk.store.log.fetch([pointer.position for pointer in piece])
        for pointer in piece:
            key = (pointer.aggregate_type, pointer.aggregate_id)
            streams[key].append((pointer, desk.read(messages[pointer.position])))
    return streams


def assert_ordinals_gapless(topic: str, count: int) -> None:
    """The topic's partitions are numbered 0, 1, 2 … in the index, without gap or double, and count so many events."""
    total = 0
    for partition in IndexedPartition.objects.filter(topic=topic):
        found = pointers(topic, partition.number)
        tokens = [pointer.position.token for pointer in found]
        assert [pointer.ordinal for pointer in found] == list(range(partition.next_ordinal))
        assert tokens == sorted(set(tokens))
        total += partition.next_ordinal
    assert total == count


def _whole_stream(desk: Desk, type: str, id: str) -> list[tuple[Pointer, Event]]:
    """Oldest first, page by page as a person would go back."""
    rows: list[tuple[Pointer, Event]] = []
    page_token = None
    while True:
        page = desk.streams.stream(type, id, page_token=page_token, limit=queries.SAME_CONVERSATION)
        for row in page.items:
            assert row.pointer is not None and row.event is not None, (type, id)
            rows.append((row.pointer, row.event))
        if page.older is None:
            return rows[::-1]
        page_token = page.older


def _assert_same(pointer: Pointer, event: Event, document: Document) -> None:
    written = {name: _canonical(value) for name, value in document.items() if name not in ("data", "data_base64")}
    assert dict(event.attributes) == written
    assert pointer.event_id == event.id == document["id"]
    assert pointer.type == event.type == document["type"]
    assert pointer.time == event.time
    if "data" in document:
        assert json.loads(event.data) == document["data"]
    else:
        assert event.data == b""


def _canonical(value: Any) -> str:
    """An attribute as CloudEvents writes it in binary mode: true and false in small letters, numbers in decimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
