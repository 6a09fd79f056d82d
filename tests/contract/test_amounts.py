"""How much a partition holds on either side of a position."""

from eventstore.model.events import Position
from eventstore.model.log import Amounts
from eventstore.model.storage import Storage
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, numbered


def test_an_empty_partition_holds_nothing(storage: Storage, topic: MakeTopic) -> None:
    assert storage.log.amounts(topic().name, {0: None}) == {0: Amounts(before=0, behind=0)}


def test_each_event_is_before_or_behind(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions: list[Position | None] = [None, *append_singly(storage, name, numbered(4))]
    for before, position in enumerate(positions):
        assert storage.log.amounts(name, {0: position}) == {0: Amounts(before=before, behind=4 - before)}


def test_only_partitions_that_are_asked_for_and_there_are_told(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=3).name
    assert set(storage.log.amounts(name, {0: None, 2: None, 3: None, 99: None})) == {0, 2}
    assert storage.log.amounts(name, {}) == {}
