"""What pages are told of how far older events have the values that are declared now."""

import pytest

from eventstore.config.searchable_values import values_by
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.extent import Extent, within
from eventstore.index.models import SecondPassRow
from eventstore.index.second_pass import pieces
from eventstore.index.second_pass.progress import ValueProgress
from eventstore.index.tables.blocks import FULL
from eventstore.model.progress import ValuesBuilt
from tests.index.second_pass.declaring import KEY, TOPIC, declaring, index, pass_over, pass_some, publish

pytestmark = pytest.mark.usefixtures("desk_databases")


def built(**paths: str) -> list[ValuesBuilt]:
    return list(ValueProgress(values_by(declaring(**paths).searchables, KEY)).of_topics())


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> DatabaseStorage:
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    storage = DatabaseStorage()
    publish(storage, range(4 * FULL))
    index(storage, declaring(city="city"))
    return storage


def test_only_the_name_that_is_new_is_being_built(storage: DatabaseStorage) -> None:
    assert built(city="city") == []
    (one,) = built(city="city", number="number")
    assert (one.topic, one.events, one.done, one.by_name, one.rate) == (TOPIC, 4 * FULL, 0, {"number": 0}, 0.0)
    pass_some(storage, declaring(city="city", number="number"), 1)
    (one,) = built(city="city", number="number")
    assert (one.done, one.by_name, one.fraction) == (FULL, {"number": FULL}, 0.25)
    assert one.rate > 0
    assert one.seconds_to_go
    pass_over(storage, declaring(city="city", number="number"))
    assert (built(city="city", number="number"), SecondPassRow.objects.count()) == ([], 0)


def test_what_is_being_removed_has_no_name(storage: DatabaseStorage) -> None:
    (one,) = built()
    assert (one.done, one.by_name) == (0, {})
    pass_over(storage, declaring())
    assert built() == []


def test_outside_of_the_extent_nothing_is_told(storage: DatabaseStorage) -> None:
    with within(Extent(has_topic=lambda topic: topic != TOPIC, has_aggregate_type=lambda name: True, every_type=True)):
        assert built(number="number") == []
