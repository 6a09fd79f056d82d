"""A read by pieces ends soon after its bytes, whatever messages take turns in it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.pieces import BETWEEN_LOOKS, Gathering
from eventstore.model.log import READ_BYTES
from tests.unit.drivers.raw_objects import Id, RawObject

A_MEGABYTE = b"x" * 1_000_000
COUNT = 3 * (READ_BYTES // len(A_MEGABYTE) + BETWEEN_LOOKS)


def usual(entry: int) -> RawObject:
    return RawObject(id=Id(7, entry), data=A_MEGABYTE)


def with_a_schema(entry: int) -> RawObject:
    return RawObject(id=Id(7, entry), data=A_MEGABYTE, int_schema_version=1, schema_version="1")


def in_turns(entry: int) -> RawObject:
    return with_a_schema(entry) if entry % 2 else usual(entry)


def reader_of(raws: Sequence[Any]) -> Callable[[int], Any]:
    left = iter(raws)
    return lambda patience: next(left)


@pytest.mark.parametrize("kind", [usual, with_a_schema, in_turns])
def test_a_read_ends_soon_after_its_bytes(kind: Callable[[int], RawObject]) -> None:
    messages = Messages("public/default/documents", 0, lambda ledger: "since", every_ledger=True)
    gathering = Gathering(reader_of([kind(entry) for entry in range(COUNT)]), messages, "", limit=COUNT, until=0.0, again=0.0)
    while gathering.next() is not None:
        pass
    assert gathering.error is None
    assert READ_BYTES <= gathering.size <= READ_BYTES + BETWEEN_LOOKS * len(A_MEGABYTE)
