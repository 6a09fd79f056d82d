"""What a diagnosis consists of. The words are the pages' (``dashboard/subscriptions/diagnosis_words.py``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from eventstore.subscriptions import State


class Certainty(StrEnum):
    """How sure a finding is. docs/diagnosis.md says for each mistake what makes it which."""

    CERTAIN = "certain"
    """What was seen has no other explanation."""
    LIKELY = "likely"
    """What was seen has another explanation, which is rare."""
    POSSIBLE = "possible"
    """What was seen is usual as well where nothing is wrong."""


class Mistake(StrEnum):
    """What is wrong with how a subscription is used, or with those who use it."""

    UNORDERED = "unordered"
    """A shared subscription of a topic in which order matters."""
    MIXED_BATCHES = "mixed batches"
    """A key_shared subscription of a topic whose producers put several keys into one batch."""
    COME_AND_GO = "come and go"
    """Consumers of an exclusive or failover subscription connect again and again."""
    MOVED_BACK = "moved back"
    """The cursor jumped back while the store ran on, so that everybody was given events again."""
    HUNGRY_INSTANCE = "hungry instance"
    """One instance has all partitions, while others stand by."""
    REDELIVERED = "redelivered"
    """Events are delivered again and again, and not acknowledged."""
    HOLDS = "holds"
    """A consumer stays connected, holds events, and acknowledges none."""
    OWN_POSITIONS = "own positions"
    """Consumers never acknowledge anything, perhaps because they keep their positions elsewhere."""
    SKIPPED = "skipped"
    """Events that waited were skipped, cleared or expired, and no consumer was given them."""


class Fact(StrEnum):
    """A kind of evidence. The comments say which fields of ``Evidence`` it has."""

    STANDS = "stands"  # number: partitions; of: all partitions; at: since
    END_MOVED = "end moved"  # at, until: the first and the last look at it
    END_STANDS = "end stands"  # at, until
    WAITS = "waits"  # number: events; at: when the first was published
    CONNECTED = "connected"  # number: connected instances
    NOT_CONNECTED = "not connected"  # at: when a consumer was last seen
    HOLDS = "holds"  # number: events delivered, not acknowledged
    BLOCKED = "blocked"
    """The store says that it delivers no more until consumers acknowledge."""
    GREW = "grew"  # number: before; of: now; at: since
    RATES = "rates"  # number: published a second; of: delivered a second
    HANDLED = "handled"  # at: the last time
    NEVER_ACKNOWLEDGED = "never acknowledged"
    KNOWN_NAME = "known name"  # name: of a gateway's own subscription
    DECLARED = "declared"
    VANISHED = "vanished"  # at: when it was found
    EXPIRED = "expired"  # number: events or entries
    DUE = "due"  # at: when the next delayed event is due
    TRANSACTION = "transaction"  # at: since when it has been open
    TYPE = "type"  # name: the type; at: when it was seen, if nobody is connected now
    ORDER_DECLARED = "order declared"
    MIXED_BATCH = "mixed batch"  # number: keys; of: messages; partition; name: its place; at: published
    ARRIVED = "arrived"  # number: connections; at, until: within; name: of one consumer, or of all if empty
    JUMPED = "jumped"  # partition; at, until: between which looks
    DISCONNECTED = "disconnected"  # number: connections that were new afterwards
    NO_MEMBERS = "no members"
    """No consumer was connected before."""
    HAS_ALL = "has all"  # name: the instance; number: partitions
    IDLES = "idles"  # name: the instance; number: events it was given
    STOOD = "stood"  # partition; at, until: looks between which the cursor stood
    GIVEN = "given"  # number: deliveries in that time
    MORE_THAN_WAIT = "more than wait"  # number: deliveries; of: events that wait
    REDELIVERIES = "redeliveries"  # number: a second, as the store measures
    SAME_CONNECTION = "same connection"  # name: the consumer; at: since
    RECONNECTED = "reconnected"  # number: connections in that time
    NO_PERMITS = "no permits"  # number: permits
    WENT_ON = "went on"  # partition; at, until: between which looks


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Something that was seen, with its figures and times. ``Fact`` says which of them it has."""

    fact: Fact
    number: float | None = None
    of: float | None = None
    at: datetime | None = None
    until: datetime | None = None
    partition: int | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    mistake: Mistake
    certainty: Certainty
    evidence: Sequence[Evidence]


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """``evidence`` is what the state is judged by. ``findings`` come surest first."""

    state: State
    evidence: Sequence[Evidence]
    findings: Sequence[Finding] = ()
    refusals_invisible: bool = False
    """An exclusive subscription: a second consumer that is turned away leaves no trace in what the store tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MixedBatch:
    """A batch of messages with several keys. ``place`` is its position, for people."""

    keys: int
    messages: int
    partition: int
    place: str
    published: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What looks at a subscription do not tell. ``resets`` are the times of resets that the desk itself made or tried."""

    ordered: bool = False
    mixed_batch: MixedBatch | None = None
    resets: Sequence[datetime] = ()
