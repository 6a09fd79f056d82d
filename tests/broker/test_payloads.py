"""Payloads as pages read them: scattered, compressed, absent, encrypted, trimmed."""

import random
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.drivers.pulsar.client import parallel, partition_log
from eventstore.drivers.pulsar.client.raw_readers import close_raw, open_raw
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.model.events import NewMessage, Position
from tests.broker.conftest import MakeTopic, publish_batch, roll_over

pytestmark = pytest.mark.broker

ENVELOPE = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_type": "Happened", "ce_source": "/tests"}
COMPRESSIONS = [
    pulsar.CompressionType.LZ4,
    pulsar.CompressionType.ZLib,
    pulsar.CompressionType.ZSTD,
    pulsar.CompressionType.SNAPPY,
]


def places(messages: Any) -> list[Position]:
    return [message.position for message in messages]


def one_by_one(client: Any, topic: str, messages: list[tuple[bytes | None, str]], **settings: Any) -> None:
    producer = client.create_producer(f"persistent://{topic}", **{"batching_enabled": False, **settings})
    for payload, key in messages:
        producer.send(payload, partition_key=key, properties=ENVELOPE)
    producer.close()


def publish_singles(client: Any, topic: str, count: int) -> None:
    """Each in an entry of its own, as fast as the broker takes them."""
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False, block_if_queue_full=True)
    for number in range(count):
        producer.send_async(b"%d" % number, None, properties=ENVELOPE)
    producer.flush()
    producer.close()


# -- scattered


def test_positions_all_over_several_topics_and_batches_are_fetched_exactly(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    batched, single, parted = topic(), topic(), topic(partitions=3)
    for start in range(0, 2_000, 100):
        publish_batch(client, batched, [b"%d" % number for number in range(start, start + 100)])
    publish_singles(client, single, 300)
    storage.log.append(parted, [NewMessage(payload=b"%d" % number, key=f"k{number}") for number in range(300)])
    there = [
        *storage.log.read_forward(batched, 0, limit=3_000),
        *storage.log.read_forward(single, 0, limit=3_000),
        *(message for number in range(3) for message in storage.log.read_forward(parted, number, limit=3_000)),
    ]
    assert len(there) == 2_600
    for count in (0, 1, 2, 50, 400):
        wanted = {message.position: message for message in rng.sample(there, count)}
        assert storage.log.fetch([*wanted, *list(wanted)[:3]]) == wanted


def test_no_more_readers_are_open_than_there_are_threads(
    storage: PulsarStorage, client: Any, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic()
    publish_singles(client, name, 4_000)  # an event of a batch needs no reader
    wanted = places(storage.log.read_forward(name, 0, limit=4_000))[50::200]
    opened: list[Any] = []
    most = 0

    def counted_open(*given: Any, **more: Any) -> Any:
        nonlocal most
        opened.append(open_raw(*given, **more))
        most = max(most, len(opened))
        return opened[-1]

    def counted_close(reader: Any) -> None:
        opened.remove(reader)
        close_raw(reader)

    monkeypatch.setattr(partition_log, "open_raw", counted_open)
    monkeypatch.setattr(partition_log, "close_raw", counted_close)
    assert len(wanted) == 20
    assert set(storage.log.fetch(wanted)) == set(wanted)
    assert 1 < most <= parallel.MAX_PARALLEL
    assert opened == []


def test_a_position_that_never_was_is_left_out(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    there = storage.log.append(name, [NewMessage(payload=b"1"), NewMessage(payload=b"2")])
    ledger = int(there[0].label.split(":")[0])
    made_up = [
        storage.log.position(name, 0, token) for token in _tokens((ledger, 0, 7), (ledger, 9_999, 0), (ledger + 50, 0, 0))
    ]
    assert set(storage.log.fetch([*there, *made_up])) == set(there)


def _tokens(*numbers: tuple[int, int, int]) -> list[str]:
    from eventstore.model import tokens

    return [tokens.encode(ledger, entry, batch + 1) for ledger, entry, batch in numbers]


# -- compressed, absent, empty


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=lambda kind: str(kind.name))
def test_a_compressed_payload_comes_as_it_was_before(
    storage: PulsarStorage, client: Any, topic: MakeTopic, compression: Any
) -> None:
    name = topic()
    payload = b'{"text": "' + b"again and " * 1_000 + b'"}'
    one_by_one(client, name, [(payload, "k")], compression_type=compression)
    one_by_one(client, name, [(payload, "k")] * 3, compression_type=compression, batching_enabled=True)
    found = storage.log.read_forward(name, 0, limit=10)
    assert [message.payload for message in found] == [payload] * 4
    assert storage.log.fetch(places(found)) == {message.position: message for message in found}


def test_a_tombstone_is_told_from_an_empty_payload(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    one_by_one(client, name, [(None, "gone"), (b"", "empty"), (b"{}", "there")])
    found = storage.log.read_forward(name, 0, limit=10)
    assert [(message.key, message.payload, message.null) for message in found] == [
        ("gone", b"", True),
        ("empty", b"", False),
        ("there", b"{}", False),
    ]
    assert [message.null for message in storage.log.read_backward(name, 0, limit=10)] == [False, False, True]
    assert storage.log.fetch(places(found))[found[0].position].null
    assert read_event(found[0]).id == "e-1"


# -- encrypted


@pytest.fixture
def keys(tmp_path: Path) -> Any:
    """What a publisher that encrypts has. The desk has none of it."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return pulsar.CryptoKeyReader(str(public), str(private))


def test_an_encrypted_message_is_delivered_as_such_and_holds_nothing_up(
    storage: PulsarStorage, client: Any, topic: MakeTopic, keys: Any
) -> None:
    name = topic()
    secret = b'{"name": "Erika Mustermann"}'
    for compression in (pulsar.CompressionType.NONE, pulsar.CompressionType.LZ4):
        one_by_one(client, name, [(secret, "k")], encryption_key="desk", crypto_key_reader=keys, compression_type=compression)
    one_by_one(client, name, [(b"{}", "k")])
    found = storage.log.read_forward(name, 0, limit=10)
    assert [message.encrypted for message in found] == [True, True, False]
    assert b"Erika" not in found[0].payload + found[1].payload
    assert [message.encrypted for message in storage.log.read_backward(name, 0, limit=10)] == [False, True, True]
    assert storage.log.fetch(places(found))[found[0].position].encrypted
    event = read_event(found[0])
    assert (event.id, event.type, event.aggregate_id, event.problem) == ("e-1", "Happened", "k", "")


def test_an_encrypted_batch_is_one_message_that_says_how_many_it_holds(
    storage: PulsarStorage, client: Any, topic: MakeTopic, keys: Any
) -> None:
    name = topic()
    producer = client.create_producer(
        f"persistent://{name}", batching_enabled=True, batching_max_publish_delay_ms=60_000, encryption_key="desk",
        crypto_key_reader=keys,
    )  # fmt: skip
    for number in range(3):
        producer.send_async(b"%d" % number, None)
    producer.flush()
    producer.close()
    one_by_one(client, name, [(b"{}", "k")])
    found = storage.log.read_forward(name, 0, limit=10)
    assert [(message.encrypted, message.encrypted_batch) for message in found] == [(True, 3), (False, 0)]
    assert set(storage.log.fetch(places(found))) == set(places(found))
    assert "its payload is encrypted" in read_event(found[0]).problem


# -- trimmed


def test_what_was_truncated_is_left_out_and_the_rest_is_found(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    old = [*storage.log.append(name, [NewMessage(payload=b"old %d" % number) for number in range(200)])]
    publish_batch(client, name, [b"old batch"] * 20)
    old += places(storage.log.read_forward(name, 0, after=old[-1], limit=30))
    truncate(admin, name)
    new = storage.log.append(name, [NewMessage(payload=b"new")])
    found = storage.log.fetch([*old[::10], old[-1], *new])
    assert {position: message.payload for position, message in found.items()} == {new[0]: b"new"}


def test_a_topic_that_was_truncated_to_nothing_holds_nothing(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    old = storage.log.append(name, [NewMessage(payload=b"old")])
    truncate(admin, name)
    assert storage.log.fetch(old) == {}


def test_a_deleted_topic_holds_nothing(storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic) -> None:
    name = topic()
    old = storage.log.append(name, [NewMessage(payload=b"old")])
    admin.delete(f"persistent/{name}", params={"force": "true"}).raise_for_status()
    assert storage.log.fetch(old) == {}


def truncate(admin: httpx.Client, topic: str) -> None:
    """Drop every closed ledger immediately, as retention does later."""
    roll_over(admin, topic)
    admin.delete(f"persistent/{topic}/truncate").raise_for_status()
