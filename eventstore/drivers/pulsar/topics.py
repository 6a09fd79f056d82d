"""Which topics are watched, and the topic behind a name."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName, check_new, full_name
from eventstore.errors import InvalidName, UnknownTopic
from eventstore.events import Topic
from eventstore.topic_kinds import kind_of

FRESH_SECONDS = 2.0
WILD = "*?["


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A topic that is there. ``shards`` is 0 where it is not partitioned, and its only log has the topic's own name."""

    name: TopicName
    shards: int

    @property
    def topic(self) -> Topic:
        return Topic(name=str(self.name), partitions=max(1, self.shards), kind=kind_of(str(self.name)))

    @property
    def logs(self) -> Sequence[TopicName]:
        """The name of each partition's log, in order of number."""
        return [self.name.partition(number) for number in range(self.shards)] or [self.name]

    def log(self, partition: int) -> TopicName:
        logs = self.logs
        if not 0 <= partition < len(logs):
            raise UnknownTopic(f"The topic {self.name} has no partition {partition}: it has {len(logs)}, counted from 0.")
        return logs[partition]


class Topics:
    """What is there is believed for two seconds, what is not there is asked again each time. Thread-safe."""

    def __init__(self, admin: Admin, namespaces: Sequence[str]) -> None:
        self._admin = admin
        self._patterns = tuple(namespaces)
        self._plain = tuple(pattern for pattern in namespaces if not any(sign in pattern for sign in WILD))
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Known]] = {}
        self._listed: tuple[float, Sequence[Topic]] = (-FRESH_SECONDS, ())

    def all(self) -> Sequence[Topic]:
        """Every watched topic, by name."""
        when, listed = self._listed
        if time.monotonic() - when < FRESH_SECONDS:
            return listed
        when = time.monotonic()
        found = [known for namespace in self._namespaces() for known in self._of_namespace(namespace)]
        with self._lock:
            self._known = {str(known.name): (when, known) for known in found}
            listed = sorted((known.topic for known in found), key=lambda topic: topic.name)
            self._listed = (when, listed)
        return listed

    def find(self, name: str) -> Known:
        """The topic of this name in any of its forms; ``UnknownTopic``."""
        try:
            full = full_name(name)
        except InvalidName as error:
            raise UnknownTopic(f"No topic can have this name. {error}") from error
        candidates = [full] if full else [_in_namespace(namespace, name) for namespace in self._plain]
        for candidate in candidates:
            known = self._ask(candidate) if self._watched(candidate.watched_as) else None
            if known is not None:
                return known
        raise UnknownTopic("No watched topic has this name: go back to the list of topics, or check EVENTSTORE_NAMESPACES.")

    def create(self, name: str, partitions: int) -> Known:
        """Make it, or answer the one that is there."""
        topic = full_name(name) or _in_namespace(self._first_plain(), name)
        if not self._watched(topic.watched_as):
            raise InvalidName(f"The namespace {topic.watched_as} is not watched: add it to EVENTSTORE_NAMESPACES first.")
        if partitions < 1:
            raise InvalidName("A topic has one partition at least.")
        known = self._ask(topic)
        if known is not None:
            return known
        check_new(topic.local)
        self._admin.create_topic(topic, partitions)
        with self._lock:
            self._listed = (-FRESH_SECONDS, ())
        return self.find(str(topic))

    def _ask(self, name: TopicName) -> Known | None:
        when, known = self._known.get(str(name), (-FRESH_SECONDS, None))
        if known is not None and time.monotonic() - when < FRESH_SECONDS:
            return known
        when = time.monotonic()
        shards = self._admin.partitions(name)
        if shards is None or self._is_a_partition(name):
            return None
        known = Known(name=name, shards=shards)
        with self._lock:
            self._known[str(name)] = (when, known)
        return known

    def _is_a_partition(self, name: TopicName) -> bool:
        folded = name.folded()
        return folded is not None and folded[1] < (self._admin.partitions(folded[0]) or 0)

    def _of_namespace(self, namespace: str) -> Iterator[Known]:
        partitioned = set(_readable(self._admin.partitioned_topics(namespace)))
        for name in _readable(self._admin.topics(namespace)):
            folded = name.folded()
            if name not in partitioned and not (folded and folded[0] in partitioned):
                yield Known(name=name, shards=0)
        for name in partitioned:
            shards = self._admin.partitions(name)
            if shards:
                yield Known(name=name, shards=shards)

    def _namespaces(self) -> Sequence[str]:
        found = set(self._plain)
        for pattern in set(self._patterns) - found:
            tenant = pattern.partition("/")[0]
            tenants = self._admin.tenants() if any(sign in tenant for sign in WILD) else [tenant]
            for each in tenants:
                if fnmatchcase(each, tenant):
                    found.update(name for name in self._admin.namespaces(each) if fnmatchcase(name, pattern))
        return sorted(name for name in found if name.count("/") == 1)

    def _watched(self, namespace: str) -> bool:
        return any(fnmatchcase(namespace, pattern) for pattern in self._patterns)

    def _first_plain(self) -> str:
        if not self._plain:
            raise InvalidName(
                "A short name needs a namespace without a pattern in EVENTSTORE_NAMESPACES: write all three parts."
            )
        return self._plain[0]


def _in_namespace(namespace: str, local: str) -> TopicName:
    tenant, _, name = namespace.partition("/")
    return TopicName(tenant=tenant, namespace=name, local=local)


def _readable(names: Sequence[str]) -> Iterator[TopicName]:
    """The names that this driver can address; those with control characters in them are left out."""
    for name in names:
        try:
            full = full_name(name)
        except InvalidName:
            continue
        if full is not None:
            yield full
