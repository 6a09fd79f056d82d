"""A searchable value that is declared after events were indexed is found in them as well, once they were passed over."""

from typing import Any
from unittest.mock import patch

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.forgotten.memory import remember
from eventstore.index.models import IndexedPartition
from eventstore.index.second_pass import pieces
from eventstore.index.tables import declared
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing.forgetting import remove_values
from eventstore.model.events import NewMessage
from tests.index.check.checking import Shortened
from tests.index.second_pass.declaring import (
    TOPIC,
    declaring,
    differences,
    found,
    index,
    pass_over,
    pass_some,
    publish,
    value_keys,
    values,
)
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")
COUNT = 2 * FULL + 40


@pytest.fixture
def storage() -> DatabaseStorage:
    """With events that were indexed while nothing was searchable."""
    storage = DatabaseStorage()
    publish(storage, range(COUNT))
    index(storage, declaring())
    return storage


def test_new_events_have_it_at_once_and_older_ones_after_the_second_pass(storage: DatabaseStorage) -> None:
    now = declaring(number="number")
    publish(storage, range(COUNT, COUNT + 10))
    index(storage, now)
    assert found(now, str(COUNT + 3)) == {f"e-{COUNT + 3}"}
    assert found(now, "5") == set()
    assert pass_over(storage, now) == COUNT
    assert found(now, "5") == {"e-5"}
    assert values() == {f"e-{n}": {"number": str(n)} for n in range(COUNT + 10)}
    assert value_keys() == COUNT + 10
    assert differences(storage, now) == []
    assert pass_over(storage, now) == 0


def test_a_second_declaration_leaves_the_values_of_the_first_as_they_are(storage: DatabaseStorage) -> None:
    pass_over(storage, declaring(city="city"))
    both = declaring(city="city", h_number="number")
    pass_over(storage, both)
    assert found(both, "7") == {"e-7"}
    assert len(found(both, "city 1")) == COUNT // 3
    assert value_keys() == 2 * COUNT
    assert differences(storage, both) == []


def test_a_declaration_that_is_taken_away_takes_its_values_and_their_keys_along(storage: DatabaseStorage) -> None:
    pass_over(storage, declaring(city="city", number="number"))
    less = declaring(city="city")
    pass_over(storage, less)
    assert {name for of in values().values() for name in of} == {"city"}
    assert (value_keys(), differences(storage, less)) == (COUNT, [])
    pass_over(storage, declaring())
    assert (values(), value_keys(), differences(storage, declaring())) == ({}, 0, [])


def test_a_declaration_with_another_path_or_form_or_key_gives_other_values(storage: DatabaseStorage) -> None:
    pass_over(storage, declaring(it="city"))
    other = declaring(it="person")
    pass_over(storage, other)
    assert (found(other, "city 1"), len(found(other, "p1"))) == (set(), 79)
    hashed = declaring(h_it="person")
    pass_over(storage, hashed, key="a" * 32)
    pass_over(storage, hashed, key="b" * 32)
    assert (found(hashed, "p1", key="a" * 32), len(found(hashed, "p1", key="b" * 32))) == (set(), 79)
    assert (value_keys(), differences(storage, hashed, key="b" * 32)) == (COUNT, [])


def test_a_declaration_changed_again_half_way_counts_alone_in_the_end(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    publish(storage, range(COUNT, COUNT + 10))
    index(storage, declaring(number="number"))
    pass_some(storage, declaring(number="number"), 1)
    assert len(values()) == FULL + 10
    last = declaring(city="city")
    publish(storage, range(COUNT + 10, COUNT + 20))
    index(storage, last)
    pass_over(storage, last)
    assert values() == {f"e-{n}": {"city": f"city {n % 3}"} for n in range(COUNT + 20)}
    assert (value_keys(), differences(storage, last)) == (COUNT + 20, [])
    assert declared.parts(IndexedPartition.objects.get().declared, COUNT + 20)[0][:2] == (0, COUNT + 20)


def test_a_declaration_that_comes_back_half_way_leaves_what_still_has_it_alone(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    pass_some(storage, declaring(number="number"), 1)
    assert pass_over(storage, declaring()) == FULL
    assert values() == {}


def test_what_was_indexed_before_anybody_noted_declarations_is_passed_over(storage: DatabaseStorage) -> None:
    IndexedPartition.objects.update(declared="")
    assert pass_over(storage, declaring()) == COUNT
    IndexedPartition.objects.update(declared="")
    assert pass_over(storage, declaring(number="number")) == COUNT
    assert len(values()) == COUNT


def test_every_partition_is_passed_over_and_no_other_topic(storage: DatabaseStorage) -> None:
    publish(storage, range(40), topic="others")
    storage.log.create_topic(TOPIC, partitions=3)
    publish(storage, range(COUNT, COUNT + 900), partitions=3)
    index(storage, declaring())
    now = declaring(number="number")
    assert pass_over(storage, now) == COUNT + 900
    assert (len(values()), differences(storage, now)) == (COUNT + 900, [])


def test_copies_get_none(storage: DatabaseStorage) -> None:
    publish(storage, range(9), topic="patients-mailer-DLQ")
    index(storage, declaring())
    pass_over(storage, declaring(number="number"))
    assert len(values()) == COUNT


def test_events_that_retention_has_removed_keep_what_is_declared_as_before_and_lose_the_rest() -> None:
    storage = StorageOver(Shortened())
    publish(storage, range(COUNT))
    index(storage, declaring(city="city", number="number", person="person"))
    storage.log.gone = 300
    now = declaring(city="city", number="person", later="number")
    assert pass_over(storage, now) == COUNT
    there = values()
    assert there["e-299"] == {"city": "city 2"}
    assert there["e-300"] == {"city": "city 0", "number": "p6", "later": "300"}
    assert value_keys() == 300 + 3 * (COUNT - 300)
    storage.log.gone = COUNT
    pass_over(storage, declaring(later="number"))
    assert values() == {f"e-{n}": {"later": str(n)} for n in range(300, COUNT)}


def test_a_forgotten_aggregate_gets_no_value_later_and_one_that_is_forgotten_later_loses_it(storage: DatabaseStorage) -> None:
    remember("patient", "p1")
    now = declaring(number="number")
    pass_over(storage, now)
    assert {int(id[2:]) % 7 for id in values()} == {0, 2, 3, 4, 5, 6}
    remember("patient", "p2")
    removed = remove_values("patient", "p2", lambda events: None)
    assert (removed.values, value_keys()) == (79, len(values()))
    assert differences(storage, now) == []
    pass_over(storage, declaring(city="city"))
    assert {int(id[2:]) % 7 for id in values()} == {0, 3, 4, 5, 6}


def test_an_aggregate_that_is_forgotten_while_the_log_is_read_gets_none(storage: DatabaseStorage) -> None:
    """Its values are worked out already, and not written yet."""
    real = pieces._values

    def and_forget(*given: Any) -> Any:
        found = real(*given)
        remember("patient", "p3")
        remove_values("patient", "p3", lambda events: None)
        return found

    with patch.object(pieces, "_values", and_forget):
        pass_over(storage, declaring(number="number"))
    assert {int(id[2:]) % 7 for id in values()} == {0, 1, 2, 4, 5, 6}


def test_what_cannot_be_read_has_none_and_holds_nobody_up(storage: DatabaseStorage) -> None:
    storage.log.append(TOPIC, [NewMessage(payload=b'{"number": 1}', key="k", properties={})])
    index(storage, declaring())
    now = declaring(number="number")
    assert pass_over(storage, now) == COUNT + 1
    assert (len(values()), differences(storage, now)) == (COUNT, [])
