"""Which topics are watched, and which topic a name means."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName, check_new, full_name
from eventstore.model.errors import InvalidName, UnknownTopic
from eventstore.model.events import Topic, TopicKind

FRESH_SECONDS = 2.0
COUNTED_SECONDS = 30.0
"""How long a number of partitions is valid while the same partitions are listed.

The list alone does not tell the number: if the broker created the topic for its first publisher, its partitions appear
one by one as they are used.
"""

MAX_PARALLEL = 4
WILD = "*?["


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownTopic:
    """A topic that exists. ``shards`` is 0 if it is not partitioned; its only log then has the topic's own name."""

    name: TopicName
    shards: int
    kind: TopicKind

    @property
    def topic(self) -> Topic:
        return Topic(name=str(self.name), partitions=max(1, self.shards), kind=self.kind)

    @property
    def logs(self) -> Sequence[TopicName]:
        """The name of each partition's log, in order of number."""
        return [self.name.partition(number) for number in range(self.shards)] or [self.name]

    def log(self, partition: int) -> TopicName:
        count = max(1, self.shards)
        if not 0 <= partition < count:
            raise UnknownTopic(f"The topic {self.name} has no partition {partition}: it has {count}, counted from 0.")
        return self.name.partition(partition) if self.shards else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionCount:
    """How many partitions a topic had at a time, and the numbers of those that were listed then."""

    when: float
    listed: frozenset[int]
    shards: int


class Topics:
    """The watched topics. What exists is cached for two seconds; what does not exist is asked for each time. Thread-safe.

    Only one caller at a time makes the list. The others get its result or its error, so that many waiting callers cost
    a slow broker no more than one.
    """

    def __init__(self, admin: Admin, namespaces: Sequence[str], kinds: TopicKinds = BY_NAME) -> None:
        self._admin, self._kinds = admin, kinds
        self._patterns = tuple(namespaces)
        self._plain = tuple(pattern for pattern in namespaces if not any(sign in pattern for sign in WILD))
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, KnownTopic]] = {}
        self._listed: tuple[float, Sequence[Topic]] = (-FRESH_SECONDS, ())
        self._listing: Future[Sequence[Topic]] | None = None
        self._counted: dict[TopicName, PartitionCount] = {}

    def all(self) -> Sequence[Topic]:
        """Return every watched topic, by name."""
        with self._lock:
            when, listed = self._listed
            if time.monotonic() - when < FRESH_SECONDS:
                return listed
            listing, mine = self._listing, Future[Sequence[Topic]]()
            if listing is None:
                self._listing = mine
        if listing is not None:
            return listing.result()
        try:
            mine.set_result(self._list(mine))
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                if self._listing is mine:
                    self._listing = None
        return mine.result()

    def _list(self, listing: Future[Sequence[Topic]]) -> Sequence[Topic]:
        when = time.monotonic()
        found = [known for namespace in self._namespaces() for known in self._of_namespace(namespace)]
        listed = sorted((known.topic for known in found), key=lambda topic: topic.name)
        with self._lock:
            if self._listing is listing:  # otherwise a topic was created in the meantime and may be missing here
                self._known = {str(known.name): (when, known) for known in found}
                self._listed = (when, listed)
                self._counted = {known.name: self._counted[known.name] for known in found if known.name in self._counted}
        return listed

    def find(self, name: str) -> KnownTopic:
        """Return the topic with this name in any of its forms. Raises ``UnknownTopic``."""
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

    def find_lately(self, name: str) -> KnownTopic:
        """Return the topic of this full name as it was half a minute ago at most; otherwise do as ``find``.

        For callers whose next question fails if the topic is gone by now, and tells how many partitions it has.
        """
        when, known = self._known.get(name, (0.0, None))
        if known is not None and time.monotonic() - when < COUNTED_SECONDS:
            return known
        return self.find(name)

    def find_anew(self, known: KnownTopic) -> KnownTopic:
        """Return the topic as the broker knows it now, where it is not what it was known as."""
        with self._lock:
            self._known.pop(str(known.name), None)
            self._counted.pop(known.name, None)
        return self.find(str(known.name))

    def confirm(self, known: KnownTopic) -> None:
        """Note that the topic has so many partitions now: the store has just told, so the list needs not ask."""
        now = time.monotonic()
        with self._lock:
            self._known[str(known.name)] = (now, known)
            counted = self._counted.get(known.name)
            if counted is not None and counted.shards == known.shards:
                self._counted[known.name] = replace(counted, when=now)

    def create(self, name: str, partitions: int) -> KnownTopic:
        """Create the topic, or return it if it exists."""
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
            self._listed, self._listing = (-FRESH_SECONDS, ()), None
        return self.find(str(topic))

    def _ask(self, name: TopicName) -> KnownTopic | None:
        when, known = self._known.get(str(name), (-FRESH_SECONDS, None))
        if known is not None and time.monotonic() - when < FRESH_SECONDS:
            return known
        when = time.monotonic()
        shards = self._admin.partitions(name)
        if shards is None or self._is_a_partition(name):
            return None
        known = self._make(name, shards)
        with self._lock:
            self._known[str(name)] = (when, known)
        return known

    def _make(self, name: TopicName, shards: int) -> KnownTopic:
        return KnownTopic(name=name, shards=shards, kind=self._kinds.of(str(name)))

    def _is_a_partition(self, name: TopicName) -> bool:
        folded = name.folded()
        return folded is not None and folded[1] < (self._admin.partitions(folded[0]) or 0)

    def _of_namespace(self, namespace: str) -> Iterator[KnownTopic]:
        partitioned = set(_readable(self._admin.partitioned_topics(namespace)))
        logs: dict[TopicName, set[int]] = defaultdict(set)
        for name in _readable(self._admin.topics(namespace)):
            folded = name.folded()
            if folded and folded[0] in partitioned:
                logs[folded[0]].add(folded[1])
            elif name not in partitioned:
                yield self._make(name, 0)
        counts = self._counts({name: frozenset(logs[name]) for name in partitioned})
        yield from (self._make(name, shards) for name, shards in counts.items() if shards)

    def _counts(self, listed: Mapping[TopicName, frozenset[int]]) -> Mapping[TopicName, int]:
        """Return how many partitions each of these topics has; 0 if it is gone. ``listed`` has the numbers of its listed
        partitions."""
        now = time.monotonic()
        known = {name: self._counted.get(name) for name in listed}
        counts = {
            name: counted.shards
            for name, counted in known.items()
            if counted and counted.listed == listed[name] and now - counted.when < COUNTED_SECONDS
        }
        unknown = [name for name in listed if name not in counts]
        if unknown:
            with ThreadPoolExecutor(min(MAX_PARALLEL, len(unknown))) as pool:
                asked = {
                    name: shards or 0 for name, shards in zip(unknown, pool.map(self._admin.partitions, unknown), strict=True)
                }
            counts |= asked
            self._counted |= {name: PartitionCount(when=now, listed=listed[name], shards=asked[name]) for name in unknown}
        return counts

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
    """Yield the names that this driver can address. Names with control characters are left out."""
    for name in names:
        try:
            full = full_name(name)
        except InvalidName:
            continue
        if full is not None:
            yield full
