"""Every kind of anomaly, planted in a topic of each store, is found where it is. Clean streams have none.

What needs a registry of schemas is in ``tests/broker/test_schema_anomalies.py``.
"""

import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

import pytest

from eventstore.config.loading import Config, parse_config
from eventstore.desk import Desk
from eventstore.importing import import_messages, parse_lines
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage
from eventstore.samples.health import health_history, permit_like
from tests.contract.stores import storage_from
from tests.indexing import all_pointers
from tests.namespaces import own_namespace
from tests.planted import EVENTS, FOUND, JUNK, as_dead_letter, as_replay, cloud_event, plant
from tests.pulsar_stores import broker_of, on_each_pulsar
from tests.shared_data import permit_file
from tests.stream_check import documents_of, looking

MAPPED = parse_config(
    '[[mapping]]\ntopics = ["*raw-*"]\naggregate_id = { from = "key" }\ntype = { from = "value", value = "Changed" }\n'
    'id = { from = "json", path = "id" }\nversion = { from = "json", path = "version" }\n'
    'time = { from = "json", path = "at" }\n',
    "mapped.toml",
)


@pytest.fixture(params=["database", *on_each_pulsar()])
def address(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    if broker := broker_of(request):
        return {**desk_databases, **own_namespace(broker)}
    return desk_databases


@pytest.fixture
def storage(address: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(address)
    yield opened
    opened.close()


def index(storage: Storage, config: Config | None = None) -> Desk:
    """Index everything, as ``run_index --until-caught-up`` does, and return a desk."""
    following = Following(
        storage=storage,
        config=config or Config(),
        stop=threading.Event(),
        on_batch=lambda topic, partition, events: None,
    )
    index_until_caught_up(following)
    return looking(storage)


def new_name(prefix: str = "orders") -> str:
    return f"{prefix}-{uuid4().hex[:8]}"


def found(desk: Desk, kind: Anomaly) -> list[str]:
    """Return the ids of the events with this kind of anomaly, in the order of the topic."""
    return [line.pointer.event_id for line in desk.index.anomalies(kind, limit=200).items][::-1]


def details(desk: Desk, kind: Anomaly) -> list[str]:
    return [line.detail for line in desk.index.anomalies(kind, limit=200).items][::-1]


def test_each_kind_that_is_planted_is_found_where_it_is_and_nowhere_else(storage: Storage) -> None:
    plant(storage.log, new_name())
    desk = index(storage)
    assert {kind: found(desk, kind) for kind in FOUND} == FOUND
    [junk] = desk.index.anomalies(Anomaly.UNREADABLE).items
    assert storage.log.fetch([junk.pointer.position])[junk.pointer.position].payload == JUNK
    assert desk.index.anomaly_counts() == dict.fromkeys([*FOUND, Anomaly.UNREADABLE], 1)
    assert details(desk, Anomaly.SEQUENCE_SKIPS) == ["2 is followed by 5: 2 missing"]
    assert details(desk, Anomaly.SEQUENCE_GOES_BACK) == ["7 comes behind 8"]
    assert details(desk, Anomaly.TIME_GOES_BACK) == ["3.0 minutes before an earlier event of its stream"]


def test_it_never_stops_on_one_each_event_is_indexed_all_the_same(storage: Storage) -> None:
    name = new_name()
    plant(storage.log, name)
    desk = index(storage)
    indexed = {topic.rpartition("/")[2]: known.events for topic, known in desk.index.topics().items()}
    assert indexed == {name: len(EVENTS), f"{name}-replay": 4, f"{name}-mailer-DLQ": 3}


def test_event_and_aggregate_say_what_was_noticed_of_them(storage: Storage) -> None:
    plant(storage.log, new_name())
    desk = index(storage)
    for kind, ids in FOUND.items():
        aggregate = desk.index.aggregate("order", ids[0].partition("-")[0])
        assert aggregate is not None
        assert aggregate.anomalies == {kind: 1}
        [line] = desk.index.anomalies(kind, aggregate=("order", aggregate.id)).items
        assert desk.index.anomalies_of(line.pointer) == {kind: line.detail}
        assert list(line.pointer.anomalies) == [kind]
        assert desk.index.anomalies(kind, aggregate=("order", "clean")).items == []
    clean = desk.index.aggregate("order", "clean")
    assert clean is not None
    assert clean.anomalies == {}


def test_copies_in_derived_topics_never_count_and_lead_to_their_originals_and_back(storage: Storage) -> None:
    plant(storage.log, new_name())
    desk = index(storage)
    copies = [pointer for pointer in all_pointers() if pointer.derived]
    assert len(copies) == 7
    assert all(not copy.anomalies for copy in copies)
    for number, times in ((1, 1), (2, 2), (3, 0), (4, 2), (5, 1)):
        [original] = [pointer for pointer in desk.index.with_event_id(f"clean-{number}") if not pointer.derived]
        named = desk.streams.copies_of(original)
        assert len(named) == times, number
        assert all(desk.streams.originals_of(copy) == [original] for copy in named)


def test_a_dead_letter_whose_id_is_its_own_is_traced_by_the_place_that_it_names(storage: Storage) -> None:
    name = new_name()
    storage.log.create_topic(name, partitions=2)
    positions = [storage.log.append(name, [cloud_event(f"e-{number}", f"o-{number}")])[0] for number in range(6)]
    storage.log.create_topic(f"{name}-mailer-DLQ")
    for number, position in enumerate(positions):
        storage.log.append(f"{name}-mailer-DLQ", [as_dead_letter(cloud_event(f"d-{number}", "other"), position.label)])
    desk = index(storage)
    for number, position in enumerate(positions):
        [letter] = desk.index.with_event_id(f"d-{number}")
        assert letter.original == position.label
        traced = desk.streams.originals_of(letter)
        assert position in [pointer.position for pointer in traced]
        assert letter.event_id in [copy.event_id for copy in desk.streams.copies_of(traced[0])]


def test_a_copy_of_what_is_not_indexed_leads_nowhere(storage: Storage) -> None:
    name = storage.log.create_topic(f"{new_name()}-replay").name
    lost = as_replay(cloud_event("lost", "o"))
    storage.log.append(name, [NewMessage(payload=lost.payload, key="o", properties={**lost.properties, "ce_id": "copy"})])
    desk = index(storage)
    [copy] = desk.index.with_event_id("copy")
    assert (copy.original, list(desk.streams.originals_of(copy))) == ("lost", [])


def test_the_number_of_a_raw_message_is_judged_by_its_mapping(storage: Storage) -> None:
    name = new_name("raw")
    storage.log.create_topic(name)
    versions: Sequence[object] = [3, 4, 6, "7", 7, None, 8]
    for number, version in enumerate(versions):
        body = {"id": f"m-{number}", "version": version, "at": f"2026-03-01T09:0{number}:00Z"}
        storage.log.append(name, [NewMessage(payload=json.dumps(body).encode(), key="a")])
    desk = index(storage, MAPPED)
    assert found(desk, Anomaly.SEQUENCE_SKIPS) == ["m-2"]
    assert found(desk, Anomaly.SEQUENCE_GOES_BACK) == ["m-4"]
    assert set(desk.index.anomaly_counts()) == {Anomaly.SEQUENCE_SKIPS, Anomaly.SEQUENCE_GOES_BACK}


def test_an_id_that_comes_again_much_later_is_found(storage: Storage) -> None:
    name = new_name()
    storage.log.create_topic(name, partitions=2)
    many = [cloud_event(f"e-{number}", f"o-{number % 40}") for number in range(400)]
    storage.log.append(name, many)
    assert index(storage).index.anomaly_counts() == {}
    storage.log.append(name, [cloud_event("e-7", "another"), cloud_event("e-399", "o-39"), cloud_event("new", "o-39")])
    desk = index(storage)
    assert sorted(found(desk, Anomaly.DUPLICATE_ID)) == ["e-399", "e-7"]
    assert set(desk.index.anomaly_counts()) == {Anomaly.DUPLICATE_ID}


def test_the_same_id_in_two_topics_is_none(storage: Storage) -> None:
    for name in (new_name(), new_name()):
        storage.log.create_topic(name)
        storage.log.append(name, [cloud_event("shared", "o", 1)])
    assert index(storage).index.anomaly_counts() == {}


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_generated_history_has_none(storage: Storage, partitions: int) -> None:
    health = list(health_history(20260301, 40))
    assert_clean(storage, health, partitions)
    assert len(health) > 400


def test_generated_permits_have_none(storage: Storage) -> None:
    assert_clean(storage, list(permit_like(seed=7, applications=60)), 3)


@pytest.mark.permit
@pytest.mark.parametrize("address", ["database", *on_each_pulsar(pytest.mark.soak)], indirect=True)
def test_the_permit_files_streams_have_none(storage: Storage) -> None:
    documents = documents_of(permit_file())
    assert len(documents) == 8577
    assert_clean(storage, documents, 3)


def assert_clean(storage: Storage, documents: Sequence[Mapping[str, object]], partitions: int) -> None:
    name = storage.log.create_topic(new_name(), partitions=partitions).name
    text = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    import_messages(storage.log, name, parse_lines(io.BytesIO(text)))
    desk = index(storage)
    assert desk.index.topics()[name].events == len(documents)
    assert desk.index.anomaly_counts() == {}
    assert not any(pointer.anomalies for pointer in all_pointers())
