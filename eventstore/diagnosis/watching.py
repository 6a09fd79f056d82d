"""What several looks at a subscription tell together: who was connected, how long a cursor stood, what was delivered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from eventstore.backlogs import Look, Member, Place
from eventstore.model.events import Position
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions.samples import is_another_log, is_before, is_counted_anew

Looks = Sequence[Look]
"""Of one subscription, oldest first; the last one is of now."""
Connection = tuple[str, str, datetime | None, int | None]
"""A consumer's name, address, time of connection and partition: as long as all are the same, it is the same connection."""

ONE_AT_A_TIME = frozenset({SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One partition at two looks, one after the other."""

    before: Look
    after: Look
    was: Place
    now: Place

    @property
    def reloaded(self) -> bool:
        """The store has loaded the partition anew in between, or another log has its name."""
        return is_counted_anew(self.was.counters, self.now.counters) or is_another_log(self.was.log, self.now.log)

    @property
    def delivered(self) -> int | None:
        """How many events were delivered in between; ``None`` if the store does not count them."""
        if self.reloaded or len(self.was.counters) < 2 or len(self.now.counters) < 2:
            return None
        return self.now.counters[1] - self.was.counters[1]

    @property
    def added(self) -> int | None:
        """How many entries were published in between."""
        if self.reloaded or not self.was.counters or not self.now.counters:
            return None
        return self.now.counters[0] - self.was.counters[0]

    @property
    def acknowledged(self) -> int | None:
        """How many entries were acknowledged in between, or have gone some other way; negative if the cursor was moved back.
        ``None`` if the store does not count what is published."""
        return None if self.added is None else self.was.backlog + self.added - self.now.backlog

    @property
    def jumped_back(self) -> bool:
        """The cursor stands before where it stood, and more waits: one whose place was trimmed away has not jumped."""
        more = self.acknowledged is None or self.acknowledged < 0
        return more and is_before(self.now.acknowledged, self.was.acknowledged)

    @property
    def went_on(self) -> bool:
        return is_before(self.was.acknowledged, self.now.acknowledged)


def changes(looks: Looks) -> Iterator[Change]:
    """Yield each partition at each two looks that follow each other."""
    for before, after in pairwise(looks):
        earlier = {place.partition: place for place in before.places}
        for place in after.places:
            if place.partition in earlier:
                yield Change(before=before, after=after, was=earlier[place.partition], now=place)


def connection(member: Member) -> Connection:
    return (member.name, member.address, member.connected_since, member.partition)


def members_of(look: Look, partition: int) -> Sequence[Member]:
    """The connections to this partition; where the store does not tell to which one each is, all of them."""
    return [member for member in look.members if member.partition in (None, partition)]


def instance(member: Member) -> str:
    """What tells one process from another: its connection's address, or its name where the store has none."""
    return member.address or member.name


def known_type(looks: Looks) -> tuple[SubscriptionType, datetime | None]:
    """The type, and when it was seen if that is not now: while nobody is connected, a broker knows none."""
    for look in reversed(looks):
        if look.type is not SubscriptionType.UNKNOWN:
            return look.type, None if look is looks[-1] else look.at
    return SubscriptionType.UNKNOWN, None


def standing(looks: Looks, partition: int) -> Looks:
    """The last looks at which the partition's cursor and the number of ranges beyond it were the same as now."""
    found: list[Look] = []
    for look in reversed(looks):
        place = place_in(look, partition)
        if place is None or (found and _mark(place) != _mark(place_in(found[-1], partition))):
            break
        found.append(look)
    return list(reversed(found))


def place_in(look: Look, partition: int) -> Place | None:
    return next((place for place in look.places if place.partition == partition), None)


def _mark(place: Place | None) -> tuple[Position | None, int] | None:
    return (place.acknowledged, place.holes) if place else None
