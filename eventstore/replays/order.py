"""What a replay is to do, as its job keeps it: which events, to whom, and in which way.

A job may be taken up by another version of the program after a crash, so everything here survives a round trip through JSON
(``as_json`` and ``of``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

from eventstore.config.projections import Way
from eventstore.index.writing import copy_origin

__all__ = ["Bounds", "Chosen", "Kind", "ReplayOrder", "Way", "What", "mark_of"]

REPLAY_ID, REPLAY_OF, REPLAY_TIME = "replayid", "replayof", "replaytime"
"""The properties of a copy: the job's id; which event it is a copy of (``mark_of``); and when the original was published, in
ISO 8601."""
mark_of = copy_origin.mark_of
MOST_ORDINALS = 5_000
"""Chosen events of one order that are kept one by one: about 40 kB. Of more, the whole range is read and judged."""

__all__ = [
    "MOST_ORDINALS",
    "REPLAY_ID",
    "REPLAY_OF",
    "REPLAY_TIME",
    "Bounds",
    "Chosen",
    "Kind",
    "ReplayOrder",
    "Way",
    "What",
    "chosen_json",
    "chosen_of",
    "mark_of",
]

Chosen = Mapping[str, Mapping[int, "Bounds"]]
"""What is chosen, by topic and partition. Partitions without a chosen event are left out."""


class Kind(StrEnum):
    """How the events are chosen."""

    EVERYTHING = "everything"
    SINCE = "since"
    AGGREGATE = "aggregate"
    EVENT = "event"
    FILTER = "filter"


@dataclass(frozen=True, kw_only=True, slots=True)
class What:
    """What is to be replayed.

    - ``topic``: one of the projection's topics; empty for all of them.
    - ``time``: events published at this time (in UTC) or later; with ``SINCE``, and with ``FILTER`` if it is given.
    - ``positions``: the token of the first event, by partition of ``topic``; with ``SINCE``, instead of a time. Partitions
      that are not named are left out.
    - ``aggregate``: its type and id.
    - ``events``: event ids. An id that several events have means all of them.
    - ``filter``: the text of a filter, in the grammar of ``eventstore.search``.
    """

    kind: Kind
    topic: str = ""
    time: datetime | None = None
    positions: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    aggregate: tuple[str, str] = ("", "")
    events: tuple[str, ...] = ()
    filter: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "topic": self.topic,
            "time": self.time.isoformat() if self.time else "",
            "positions": {str(partition): token for partition, token in self.positions.items()},
            "aggregate": list(self.aggregate),
            "events": list(self.events),
            "filter": self.filter,
        }

    @staticmethod
    def of(told: Mapping[str, Any]) -> "What":
        """Return what ``as_json`` wrote."""
        type, id = told["aggregate"]
        return What(
            kind=Kind(told["kind"]),
            topic=str(told["topic"]),
            time=datetime.fromisoformat(told["time"]) if told["time"] else None,
            positions={int(partition): str(token) for partition, token in told["positions"].items()},
            aggregate=(str(type), str(id)),
            events=tuple(str(id) for id in told["events"]),
            filter=str(told["filter"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """The chosen events of one partition, frozen when the replay was planned.

    - ``first``: the ordinal of the first one; ``end``: the ordinal behind the last one.
    - ``first_token`` and ``last_token``: the positions of these two events, both included.
    - ``ordinals``: the chosen ones, ascending, where each of them is known; ``None`` for every event in the range, or for
      those that the filter, the aggregate or the ids tell.
    - ``build``: the index's number of this partition (``IndexedPartition.pk``). Ordinals mean nothing in another build.
    """

    first: int
    end: int
    first_token: str
    last_token: str
    ordinals: tuple[int, ...] | None = None
    build: int = 0

    @property
    def events(self) -> int:
        """How many events these are; with a filter, or too many to keep, how many are looked at."""
        return self.end - self.first if self.ordinals is None else len(self.ordinals)

    def as_json(self) -> dict[str, Any]:
        return {
            "range": [self.first, self.end],
            "tokens": [self.first_token, self.last_token],
            "steps": None if self.ordinals is None else _steps(self.ordinals),
            "build": self.build,
        }

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Bounds":
        """Return what ``as_json`` wrote."""
        (first, end), (first_token, last_token), steps = told["range"], told["tokens"], told["steps"]
        return Bounds(
            first=int(first),
            end=int(end),
            first_token=str(first_token),
            last_token=str(last_token),
            ordinals=None if steps is None else tuple(accumulate(int(step) for step in steps)),
            build=int(told["build"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayOrder:
    """One replay.

    - ``projection``: its name. ``topics`` has the chosen events of each of its topics.
    - ``subscription``: the name of the subscription by which the projection gets the events (on ``target``, for copies).
    - ``target``: the replay topic for ``Way.TOPIC``; the new subscription's name for ``Way.GENERATION``; else empty.
    - ``events`` and ``aggregates``: how many; ``None`` where that is not known before reading.
    - ``ticket``: what the person named, such as "SUP-8812". ``digest``: the plan's.
    - ``canary_of``: the job whose plan this is the rest of. ``left_out``: the aggregate that the canary has sent already.
    - ``only``: of a canary, the one aggregate whose chosen events are sent, before the rest of them.
    - ``until``: the ordinals behind the last events that the plan has looked at, by topic and partition.
    - ``approval``: why a second person had to agree, in sentences; empty if none had to.
    """

    projection: str
    way: Way
    what: What
    topics: Chosen
    subscription: str
    target: str = ""
    events: int | None = None
    aggregates: int | None = None
    ticket: str = ""
    digest: str = ""
    canary_of: str = ""
    left_out: tuple[str, str] = ("", "")
    only: tuple[str, str] = ("", "")
    until: Mapping[str, Mapping[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    approval: tuple[str, ...] = ()

    @property
    def looked_at(self) -> int:
        """How many events are read for it: all that are chosen, and with a filter those that do not pass too."""
        return sum(bounds.events for _, _, bounds in self.each())

    def each(self) -> Iterator[tuple[str, int, Bounds]]:
        """Yield every topic and partition with its chosen events, in order."""
        for topic in sorted(self.topics):
            for partition in sorted(self.topics[topic]):
                yield topic, partition, self.topics[topic][partition]

    def as_json(self) -> dict[str, Any]:
        return {
            "projection": self.projection,
            "way": self.way.value,
            "what": self.what.as_json(),
            "topics": chosen_json(self.topics),
            "subscription": self.subscription,
            "target": self.target,
            "events": self.events,
            "aggregates": self.aggregates,
            "ticket": self.ticket,
            "digest": self.digest,
            "canary_of": self.canary_of,
            "left_out": list(self.left_out),
            "only": list(self.only),
            "until": {topic: {str(at): end for at, end in ends.items()} for topic, ends in self.until.items()},
            "approval": list(self.approval),
        }

    @staticmethod
    def of(arguments: Mapping[str, Any]) -> "ReplayOrder":
        """Return what ``as_json`` wrote."""
        names = ("projection", "subscription", "target", "ticket", "digest", "canary_of")
        (type, id), (only_type, only_id) = arguments["left_out"], arguments["only"]
        return ReplayOrder(
            way=Way(arguments["way"]),
            what=What.of(arguments["what"]),
            topics=chosen_of(arguments["topics"]),
            events=arguments["events"],
            aggregates=arguments["aggregates"],
            left_out=(str(type), str(id)),
            only=(str(only_type), str(only_id)),
            until={str(topic): {int(at): int(end) for at, end in ends.items()} for topic, ends in arguments["until"].items()},
            approval=tuple(str(why) for why in arguments["approval"]),
            **{name: str(arguments[name]) for name in names},
        )


def chosen_json(topics: Chosen) -> dict[str, Any]:
    return {
        topic: {str(partition): bounds.as_json() for partition, bounds in partitions.items()}
        for topic, partitions in topics.items()
    }


def chosen_of(told: Mapping[str, Any]) -> Chosen:
    """Return what ``chosen_json`` wrote."""
    return {
        str(topic): {int(partition): Bounds.of(bounds) for partition, bounds in partitions.items()}
        for topic, partitions in told.items()
    }


def _steps(ordinals: Sequence[int]) -> list[int]:
    """The first ordinal, and from each to the next: short in JSON, since a job keeps only so many characters."""
    return [*ordinals[:1], *(later - earlier for earlier, later in pairwise(ordinals))]
