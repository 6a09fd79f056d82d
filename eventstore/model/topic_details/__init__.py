"""What a store tells around a topic beside its events: producers, storage, policies, schemas, replication, functions.

A driver may lack it. Each part is told or refused by itself (``Told``). Nothing here can change anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told(Generic[T]):
    """A part of the answer. ``problem`` is a sentence if the store did not tell it; ``value`` is ``None`` then."""

    value: T | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Producer:
    """Who publishes to a partition now. Rates are events and bytes a second, over the store's last minute."""

    name: str
    partition: int
    address: str
    client: str
    connected_since: datetime | None
    rate: float
    bytes_rate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionTraffic:
    """``stored`` is bytes, of which ``offloaded`` lie in long-term storage (tiered)."""

    partition: int
    rate_in: float
    rate_out: float
    stored: int
    offloaded: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Copying one partition to another cluster. ``backlog`` is in the store's own unit; ``lag`` in seconds."""

    cluster: str
    partition: int
    connected: bool
    backlog: int
    lag: int
    rate_out: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    partitions: Sequence[PartitionTraffic]
    producers: Sequence[Producer]
    links: Sequence[Link]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionLedgers:
    """How a partition is stored. ``entries`` count a batch as one. ``terminated``: nothing can be published to it any more."""

    partition: int
    ledgers: int
    offloaded: int
    entries: int
    terminated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long acknowledged events are kept: -1 means for ever, 0 not at all."""

    minutes: int
    megabytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """How much may wait behind a subscription: -1 means any amount. ``policy`` is the store's word for what happens then."""

    kind: str
    bytes: int
    seconds: int
    policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Policies:
    """What is in force for the topic, wherever it was set. ``ttl`` is in seconds, 0 for none. The topic is copied between
    ``clusters``."""

    retention: Told[Retention]
    ttl: Told[int]
    quotas: Told[Sequence[Quota]]
    deduplication: Told[bool]
    clusters: Told[Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaVersion:
    version: int
    kind: str
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionError:
    """``text`` is an exception's, and may quote a payload: mask it."""

    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function of the topic's namespace. ``problem``: why its status is not known; its counts are 0 then."""

    name: str
    reads_this: bool
    writes_this: bool
    instances: int = 0
    running: int = 0
    received: int = 0
    handled: int = 0
    failed: int = 0
    restarts: int = 0
    errors: Sequence[FunctionError] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Functions:
    """``more`` of them were not asked for."""

    functions: Sequence[Function]
    more: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicDetails:
    traffic: Told[Traffic]
    ledgers: Told[Sequence[PartitionLedgers]]
    policies: Policies
    schemas: Told[Sequence[SchemaVersion]]
    functions: Told[Functions]


class TopicDetailsSource(Protocol):
    """A driver's access to what is around a topic."""

    def of(self, topic: str) -> TopicDetails:
        """Return everything that the store tells, asked side by side, in a bounded number of requests.

        Raises ``UnknownTopic``, and ``StoreUnreachable`` if the store answers nothing at all.
        """
        ...
