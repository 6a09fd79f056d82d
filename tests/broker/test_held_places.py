"""Whether copies that were on their way can have come and gone, by what a broker tells once it let go of their topic."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.copying import Start
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import copying_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.redrives.copies import JOB
from eventstore.redrives.state import State as RedriveState
from eventstore.replays.order import REPLAY_ID
from eventstore.replays.sending.state import State as ReplayState
from scripts.local_pulsar import LocalPulsar
from tests import redriving, replaying
from tests.broker.conftest import MakeTopic, patiently
from tests.contract.helpers import eventually, receive_until
from tests.redriving import Notes, Over, Stepping, keep, letter

SHARED = SubscriptionType.SHARED
STEPS = ("after a note", "before sending", "on the way", "settled")
MakeTarget = Callable[[], str]


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be killed."""
    return own_pulsar_broker


@pytest.fixture
def target(storage: PulsarStorage, topic: MakeTopic) -> MakeTarget:
    """Makes topics with a subscription."""

    def make() -> str:
        name = topic()
        patiently(lambda: storage.subscriptions.create(name, replaying.SUBSCRIPTION, type=SHARED, start=Edge.LATEST))
        return name

    return make


def _start(storage: PulsarStorage, topic: str, mark: str) -> Start:
    with storage.copying.open_publisher(topic, partitions=[0], mark=(mark, "job1"), schemas={"": None}) as publisher:
        return publisher.starts[0]


def _events(storage: PulsarStorage, topic: MakeTopic) -> str:
    source = topic()
    storage.log.append(source, [NewMessage(payload=b"%d" % number, key="k") for number in range(3)])
    return source


def _letters(storage: PulsarStorage, topic: MakeTopic) -> str:
    letters = topic()
    keep(storage, letters)
    storage.log.append(letters, [letter(number) for number in range(3)])
    return letters


def _replay_begun(storage: PulsarStorage, source: str, target: str) -> Notes:
    """Its worker was killed once its publisher was open."""
    state = ReplayState(versions={source: [""]}, topic=source)
    state.begin(_start(storage, target, REPLAY_ID))
    return Notes(checkpoint={**state.as_json(target, 0), "tidy": False})


def _redrive_begun(storage: PulsarStorage, target: str) -> Notes:
    start = _start(storage, target, JOB)
    return Notes(checkpoint=RedriveState(behind={0: start.place}, held={0: start.held}, tidy=False).as_json())


def _is_at_its_beginning(storage: PulsarStorage, target: str, checkpoint: Mapping[str, Any]) -> bool:
    behind = checkpoint["behind"]
    return storage.log.ends(target)[0].written <= str(behind["0"] if isinstance(behind, dict) else behind)


def test_what_had_sent_nothing_goes_on_where_the_broker_was_killed_and_has_begun_a_new_ledger(
    broker: LocalPulsar, storage: PulsarStorage, topic: MakeTopic, target: MakeTarget
) -> None:
    """The broker has dropped the empty ledgers that replay and redrive have noted."""
    source, replayed, letters, redriven = _events(storage, topic), target(), _letters(storage, topic), target()
    replay, redrive = _replay_begun(storage, source, replayed), _redrive_begun(storage, redriven)
    broker.kill()
    broker.start()
    assert eventually(lambda: _has_its_ledgers(storage, [source, replayed, letters, redriven]))
    for topic_name, notes in ((replayed, replay), (redriven, redrive)):
        assert not _is_at_its_beginning(storage, topic_name, notes.checkpoint), "nothing tells it from one with copies gone"
    assert replaying.run(storage, replaying.order_of(storage, [source], replayed), replay).sent == 3
    assert replaying.copied(storage, replayed) == replaying.originals(storage, [source])
    assert redriving.run(storage, redriving.order_of(storage, letters, redriven), redrive)["sent"] == 3
    assert [len(found) for found in redriving.copied(storage, redriven).values()] == [3]


@pytest.mark.parametrize("consumed", [False, True])
def test_a_replay_goes_on_where_its_topic_is_unloaded_at_any_step(
    storage: PulsarStorage,
    topic: MakeTopic,
    target: MakeTarget,
    admin: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    consumed: bool,
) -> None:
    """An operator has the broker let go of it, cleanly. Consumers may have acknowledged all that is there."""
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 1)
    source = _events(storage, topic)
    for step in STEPS:
        name = target()
        order = replaying.order_of(storage, [source], name)
        _until_done(replaying.run, storage, order, step, _unloading(storage, admin, name, consumed))
        assert replaying.copied(storage, name) == replaying.originals(storage, [source]), step


def test_a_redrive_goes_on_where_its_topic_is_unloaded_at_any_step(
    storage: PulsarStorage, topic: MakeTopic, target: MakeTarget, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 1)
    for step in STEPS:
        letters, name = _letters(storage, topic), target()
        order = redriving.order_of(storage, letters, name)
        _until_done(redriving.run, storage, order, step, _unloading(storage, admin, name, False))
        assert [len(set(found)) for found in redriving.copied(storage, name).values()] == [3], step


def test_what_was_acknowledged_may_be_gone(storage: PulsarStorage, target: MakeTarget, admin: httpx.Client) -> None:
    name = target()
    start = _start(storage, name, REPLAY_ID)
    storage.log.append(name, [NewMessage(payload=b"")])
    of_the_version_before = [one.rpartition(" ")[0] for one in start.held]
    assert storage.copying.is_held(name, 0, start.held) and storage.copying.is_held(name, 0, of_the_version_before)
    _unload(admin, name)
    assert storage.copying.is_held(name, 0, start.held)
    with storage.subscriptions.consume(name, replaying.SUBSCRIPTION, type=SHARED, consumer="c") as consumer:
        consumer.acknowledge(receive_until(consumer, 1)[0].position)
    assert eventually(lambda: not storage.copying.is_held(name, 0, start.held))
    _unload(admin, name)
    assert not storage.copying.is_held(name, 0, start.held)
    assert not storage.copying.is_held(name, 0, ())


def _has_its_ledgers(storage: PulsarStorage, topics: Sequence[str]) -> bool:
    """A broker that was killed is healthy a moment before it gets at what it wrote."""
    try:
        return all(storage.log.ends(topic) for topic in topics)
    except StoreUnreachable:
        return False


def _until_done(
    run: Callable[..., object], storage: PulsarStorage, order: object, at: str, unload: Callable[[], None]
) -> None:
    """Run it again after each time that the broker is away: the topic is unloaded at this step of the first run, and of the
    second one where that has looked by then what has arrived."""
    notes, times = Notes(), 1 if at == "after a note" else 2
    for number in range(10):
        left = [unload] if number < times else []
        notes.step = lambda done, left=left: left.pop()() if done == at and left else None  # type: ignore[misc]
        try:
            run(Over(storage, Stepping(copying_of(storage), notes.step)), order, notes)
        except StoreUnreachable:
            continue
        return
    pytest.fail("it goes on and on")


def _unloading(storage: PulsarStorage, admin: httpx.Client, name: str, consumed: bool) -> Callable[[], None]:
    def unload() -> None:
        if consumed:
            storage.subscriptions.reset_cursor(name, replaying.SUBSCRIPTION, {0: Edge.LATEST})
        _unload(admin, name)

    return unload


def _unload(admin: httpx.Client, topic: str) -> None:
    admin.put(f"persistent/{topic}/unload").raise_for_status()
