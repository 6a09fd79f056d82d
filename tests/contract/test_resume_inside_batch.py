"""Reading what was published in one call can resume at any place inside it."""

import pytest

from eventstore.model.storage import Storage
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import numbered, payloads, read_until, texts

BATCH = 10


@pytest.mark.parametrize("place", [0, 1, 4, 8, 9])
def test_reading_goes_on_behind_any_event_of_a_batch(storage: Storage, topic: MakeTopic, place: int) -> None:
    name = topic().name
    positions = [*storage.log.append(name, numbered(BATCH)), *storage.log.append(name, numbered(BATCH, start=BATCH))]
    for cut in (place, BATCH + place):
        rest = storage.log.read_forward(name, 0, after=positions[cut], limit=100)
        assert [m.position for m in rest] == positions[cut + 1 :]
        assert payloads(rest) == texts(2 * BATCH - cut - 1, start=cut + 1)


@pytest.mark.parametrize("place", [0, 1, 4, 8, 9])
def test_reading_at_any_event_of_a_batch_begins_with_it(storage: Storage, topic: MakeTopic, place: int) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(BATCH))
    assert payloads(storage.log.read_forward(name, 0, after=positions[place], inclusive=True, limit=100)) == texts(
        BATCH - place, start=place
    )


@pytest.mark.parametrize("place", [0, 1, 4, 8, 9])
def test_reading_backward_from_any_event_of_a_batch_leaves_it_out(storage: Storage, topic: MakeTopic, place: int) -> None:
    name = topic().name
    positions = [*storage.log.append(name, numbered(BATCH)), *storage.log.append(name, numbered(BATCH, start=BATCH))]
    for cut in (place, BATCH + place):
        rest = storage.log.read_backward(name, 0, before=positions[cut], limit=100)
        assert payloads(rest) == texts(cut)[::-1]


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_reader_resumes_behind_any_event_of_a_batch(storage: Storage, topic: MakeTopic, place: int) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(BATCH))
    with storage.log.open_reader(name, 0, after=positions[place]) as reader:
        storage.log.append(name, numbered(2, start=BATCH))
        assert payloads(read_until(reader, BATCH - place + 1)) == texts(BATCH - place + 1, start=place + 1)


def test_every_event_of_a_batch_is_fetched_by_its_own_position(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    for number, position in enumerate(storage.log.append(name, numbered(BATCH))):
        assert storage.log.fetch([position])[position].payload == str(number).encode()
