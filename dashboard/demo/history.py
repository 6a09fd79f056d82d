"""The demo's past: some four thousand events of an invented health company, written into the store once.

A data directory always has the same history, which ends at the stored time of the first start. So after a killed seeding, the
events that are missing can be told from those that are there.
"""

import fcntl
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from dashboard.setup.demo_secrets import read_or_create
from eventstore.envelope import document_to_message
from eventstore.model import Edge, Log, Message, NewMessage, Subscriptions, SubscriptionType, UnknownTopic
from eventstore.samples import health_history, misfits, oldest_form

SEED = 4716
"""This seed makes patient 4711 a good first example.

It has some twenty events in two topics. Its newest document waits behind the one that ``app-timeline`` does not understand.
"""
PATIENTS = 200
DAYS = 60
USERS = 60
BATCH = 500
TIMELINE = "app-timeline"
REPLAY_TOPIC = "documents-app-timeline-replay"
PARTITIONS = {
    "patients": 2,
    "documents": 2,
    "appointments": 2,
    "consents": 1,
    "users": 1,
    "appointments-mailer-DLQ": 1,
    REPLAY_TOPIC: 2,
}
SUBSCRIPTIONS = {
    "search-index": ("patients", SubscriptionType.FAILOVER),
    "mailer": ("appointments", SubscriptionType.SHARED),
    TIMELINE: ("documents", SubscriptionType.FAILOVER),
}
DEAD_LETTERS = 4
WITH_REASONS = ("The mailbox is full", "The mailbox is full", "The address has no domain")
"""What the mailer recorded with further dead letters, one each."""


def no_report(topic: str, written: int) -> None:
    """For callers that need no count of each topic."""


def seed_history(log: Log, subscriptions: Subscriptions | None, on_topic: Callable[[str, int], None] = no_report) -> int:
    """Write what is missing of the history, and create the subscriptions. Returns the number of events written.

    ``on_topic`` gets each topic's name and the number of events written there, as soon as the topic is complete. If it is
    ended at any moment and called again, it neither doubles an event nor leaves one out.
    """
    with _exclusively():
        written = 0
        for topic, messages in whole_history(started()).items():
            added = _complete(log, topic, messages)
            on_topic(topic, added)
            written += added
        if subscriptions is not None:
            for name, (topic, type_of) in SUBSCRIPTIONS.items():
                subscriptions.create(log.topic(topic).name, name, type=type_of, start=Edge.EARLIEST)
            replays = log.topic(REPLAY_TOPIC).name
            subscriptions.create(replays, TIMELINE, type=SubscriptionType.FAILOVER, start=Edge.EARLIEST)
        _marker().touch()
        return written


def is_seeded(log: Log) -> bool:
    """Whether ``seed_history`` has completed with this store."""
    return _marker().exists() and _is_there(log)


def started() -> datetime:
    """When the demo was first started in this data directory, which is the end of its history."""
    now = datetime.now(UTC).replace(microsecond=0)
    return datetime.fromisoformat(read_or_create(_directory() / "demo-started", now.isoformat()).strip())


def whole_history(end: datetime) -> Mapping[str, Sequence[NewMessage]]:
    """Each topic's messages in order. Always the same for the same ``end``."""
    topics: dict[str, list[NewMessage]] = {topic: [] for topic in PARTITIONS}
    for event in numbered(health_history(SEED, PATIENTS, end=end, days=DAYS, poison=True)):
        topics[topic_of(event)].append(as_message(event))
    topics["documents"].extend(misfits(SEED))
    topics["users"].extend(oldest_form(SEED, USERS, end=end, days=DAYS))
    topics["appointments-mailer-DLQ"].extend(_dead_letters(topics["appointments"]))
    return topics


def numbered(events: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
    """The same events, with each aggregate's events numbered from 1 in each topic.

    A service numbers only what it publishes itself. Numbers that span topics would leave gaps in each of them.
    """
    counts = Counter[tuple[str, object, object]]()
    for event in events:
        stream = (topic_of(event), event["aggregatetype"], event["aggregateid"])
        counts[stream] += 1
        yield {**event, "sequence": counts[stream]}


def topic_of(event: Mapping[str, object]) -> str:
    """Each service publishes to the topic of its name, so a patient has events in ``patients`` and in ``documents``."""
    return str(event["source"]).removeprefix("/")


def as_message(event: Mapping[str, object]) -> NewMessage:
    return document_to_message(json.dumps(event, ensure_ascii=False).encode())


def _dead_letters(appointments: Sequence[NewMessage]) -> Iterator[NewMessage]:
    """Copies as Pulsar's client makes them: the event with its origin in further properties. The mailer records why in the
    last ones."""
    step = max(1, len(appointments) // DEAD_LETTERS)
    for index in range(step // 2, len(appointments), step):
        yield _letter(appointments[index], index, {"RECONSUMETIMES": "16"})
    for number, reason in enumerate(WITH_REASONS):
        index = (number + 1) * step - 1
        why = {"REAL_SUBSCRIPTION": "mailer", "RECONSUMETIMES": "3", "exception": reason}
        yield _letter(appointments[index], index, why)


def _letter(original: NewMessage, index: int, said: Mapping[str, str]) -> NewMessage:
    origin = {"ORIGIN_MESSAGE_ID": f"demo:{index}", "REAL_TOPIC": "appointments", **said}
    return NewMessage(
        payload=original.payload,
        key=original.key,
        properties={**original.properties, **origin},
        event_time=original.event_time,
    )


def _complete(log: Log, name: str, messages: Sequence[NewMessage]) -> int:
    topic = log.create_topic(name, partitions=PARTITIONS[name])
    existing = Counter(
        _content(message) for number in range(topic.partitions) for message in _read_all(log, topic.name, number)
    )
    missing = [message for message in messages if not _take(existing, _content(message))]
    for first in range(0, len(missing), BATCH):
        log.append(topic.name, missing[first : first + BATCH])
    return len(missing)


def _read_all(log: Log, topic: str, partition: int) -> Iterator[Message]:
    last = None
    while messages := log.read_forward(topic, partition, after=last, limit=BATCH):
        yield from messages
        last = messages[-1].position


def _content(message: Message | NewMessage) -> bytes:
    digest = hashlib.sha256(message.payload)
    digest.update(json.dumps([message.key, sorted(message.properties.items())]).encode())
    return digest.digest()


def _take(existing: "Counter[bytes]", content: bytes) -> bool:
    if not existing[content]:
        return False
    existing[content] -= 1
    return True


def _is_there(log: Log) -> bool:
    try:
        log.topic("patients")
    except UnknownTopic:
        return False
    return True


def _marker() -> Path:
    """A file whose name depends on the store, so that another store in the same data directory is filled as well."""
    config = settings.DATABASES["store"]
    store = [settings.EVENTSTORE_URL, *(str(config.get(part, "")) for part in ("ENGINE", "HOST", "PORT", "NAME"))]
    return _directory() / f"demo-seeded-{hashlib.sha256(json.dumps(store).encode()).hexdigest()[:12]}"


def _directory() -> Path:
    return Path(settings.DATA_DIR)


@contextmanager
def _exclusively() -> Iterator[None]:
    """One seeding at a time for each data directory. The kernel releases the lock however its holder ends."""
    with (_directory() / "demo-seed.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
