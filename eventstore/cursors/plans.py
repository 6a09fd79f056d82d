"""What a move of cursors would do, partition by partition: counted, named, and confirmed by its digest."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eventstore.actions import KEPT
from eventstore.cursors.lost import MOST_NAMED, named
from eventstore.cursors.places import Kept, spelled, written
from eventstore.index.lookup.ordinals import Ranges
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import ConnectedConsumer, SubscriptionType
from eventstore.subscriptions.progress import Reach, Reached

_TELLS = re.compile(r"[0-9]{1,9}:[^:,\s]*:[0-9]{0,15}").fullmatch
"""One partition of what a digest says beside its hash."""

Place = Position | Edge
Way = tuple[Position | None, Place]
"""What a cursor goes over: behind the first place (``None``: the beginning), up to and including the second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One partition's part.

    - ``goes_to``: of a reset, the next message to be received, with all of its events if it is a batch; of a skip, the last
      message that is skipped.
    - ``comes_again``: ordinals of events that were acknowledged and will be delivered again; ``never_comes``: of those that
      wait and will never be delivered. Where the index does not know the partition, they and ``reach`` are ``None``.
    - ``alone``: one message is acknowledged, and the cursor stays where it is, because others wait before it.
    """

    partition: int
    stands_at: Position | None
    goes_to: Place
    way: Way
    reach: Reach | None = None
    comes_again: Ranges | None = None
    never_comes: Ranges | None = None
    alone: bool = False

    @property
    def until(self) -> str | None:
        """The token up to which the move acknowledges everything; ``None``: it is known after the move alone."""
        up_to = self.way[1]
        if isinstance(up_to, Position):
            return up_to.token
        return "" if up_to is Edge.EARLIEST else None

    @property
    def again(self) -> int | None:
        """How many events were acknowledged and will be delivered again; ``None``: the index cannot tell."""
        return None if self.comes_again is None else len(self.comes_again)

    @property
    def passed_over(self) -> int | None:
        """How many events wait now and will never be delivered; ``None``: the index cannot tell."""
        return None if self.never_comes is None else len(self.never_comes)


@dataclass(frozen=True, kw_only=True, slots=True)
class MovePlan:
    """What a move would do. ``digest`` names what was looked at; confirming means that very digest.

    It says the verb, the places aimed at, the subscription's type, and by partition where the cursor stood and how many events
    would never be delivered. Of these last two, progress of consumers contradicts nothing; a cursor that was moved back does.
    """

    verb: str
    """The name of the action."""
    topic: str
    subscription: str
    type: SubscriptionType
    moves: Sequence[Move]
    aims: Mapping[int, Place]
    """The places aimed at, by partition. A partition where nothing is left to do has no move."""
    consumers: Sequence[ConnectedConsumer]
    before: Mapping[int, Kept]
    """Where the cursors stand, for an undo."""
    at_least: bool = False
    """The index has not caught up with the topic: the counts may be too low."""
    index_is_behind: bool = False
    inside_batches: bool = False
    """Events of batches that wait may be handled already, and nobody is told which: ``Look.may_be_handled_inside``."""
    before_retention: Sequence[int] = ()
    """Partitions of which retention has removed what was published at the time aimed at: they go to the first event left."""

    @property
    def digest(self) -> str:
        return self._aimed + self._stood()

    @property
    def _aimed(self) -> str:
        return digest_of(self.verb, self.topic, self.subscription, self.type, self.aims)

    @property
    def again(self) -> int | None:
        return _sum(move.again for move in self.moves)

    @property
    def passed_over(self) -> int | None:
        return _sum(move.passed_over for move in self.moves)

    @property
    def touched(self) -> int | None:
        """Every event that the move makes come again or never come."""
        return _sum((self.again, self.passed_over))

    @property
    def left_out(self) -> int:
        """Acknowledged ranges beyond the cursors that are not kept for an undo, because there are too many."""
        return sum(place.left_out for place in self.before.values())

    @property
    def alone(self) -> bool:
        """One message is acknowledged while others before it wait."""
        return any(move.alone for move in self.moves)

    @property
    def lost(self) -> Reached:
        """What will never be delivered, in the form in which pages and summaries of waiting events are asked for."""
        return _as_waiting((move, move.never_comes) for move in self.moves)

    @property
    def redelivered(self) -> Reached:
        """What will be delivered again, in the form of ``lost``."""
        return _as_waiting((move, move.comes_again) for move in self.moves)

    def confirmed_by(self, digest: str) -> bool:
        """Whether the digest is of a plan that does the same, and loses no event that this one does not name.

        Where nobody is connected the type is unknown, and no contradiction: members come and go.
        """
        aimed, _, stood = digest.partition(" ")
        known = self.type is not SubscriptionType.UNKNOWN
        types = (self.type, SubscriptionType.UNKNOWN) if known else tuple(SubscriptionType)
        same = aimed in {digest_of(self.verb, self.topic, self.subscription, type, self.aims) for type in types}
        told = {number: (mark, lost) for number, mark, lost in (each.split(":") for each in stood.split(",") if _TELLS(each))}
        return same and all(_named_before(move, *told.get(str(move.partition), ("", ""))) for move in self.moves)

    def _stood(self) -> str:
        """Where each cursor stands, and how many events it loses: `` 0:token:3,1:token:0``."""
        each = (f"{m.partition}:{_token(m.stands_at)}:{'' if m.passed_over is None else m.passed_over}" for m in self.moves)
        return " " + ",".join(each)

    def details(self) -> dict[str, object]:
        """For the audit record: names, places and counts; of what is lost, the first events by their ids."""
        details: dict[str, object] = {
            "topic": self.topic,
            "subscription": self.subscription,
            "from": {str(move.partition): _label(move.stands_at) if move.stands_at else "start" for move in self.moves},
            "to": self.places(),
            "events_again": self.again,
            "events_passed_over": self.passed_over,
            "consumers": [consumer.name for consumer in self.consumers],
            KEPT: {"before": written(self.before), "digest": self._aimed, **self._acknowledges()},
        }
        if names := named(self.lost, MOST_NAMED):
            details["never_delivered"] = names
        return details

    def _acknowledges(self) -> dict[str, dict[str, Any]]:
        """What the move itself acknowledges, as far as that is known before it (``places.moved_in``), and in which partitions
        it takes acknowledgements back, with of how many events."""
        ends = {move.partition: move.way[1] for move in self.moves if not move.alone}
        until = {str(at): end.token if isinstance(end, Position) else "" for at, end in ends.items() if end is not Edge.LATEST}
        alone = {at: [(start.token, end.token) for start, end in each] for at, each in self.ranges().items() if self.alone}
        gives = {str(move.partition): move.again for move in self.moves if move.again != 0}
        return {"until": until, "passed": spelled(alone), "gives": gives}

    def places(self) -> Mapping[str, str]:
        """Where each cursor goes, as the record has it."""
        return {str(move.partition): _label(move.goes_to) for move in self.moves}

    def targets(self) -> Mapping[int, Place]:
        return {move.partition: move.goes_to for move in self.moves}

    @property
    def ends_aimed(self) -> Mapping[int, Position]:
        """Of a skip: the last message that is aimed at, by partition, whether anything is left to skip there or not."""
        return {at: aim for at, aim in self.aims.items() if isinstance(aim, Position)}

    def ends(self) -> Mapping[int, Position]:
        """Of a skip: the last message that is skipped, by partition."""
        return {move.partition: move.goes_to for move in self.moves if isinstance(move.goes_to, Position)}

    def ranges(self) -> Mapping[int, Sequence[tuple[Position, Position]]]:
        """Of a message that is skipped alone: where it begins and ends, by partition."""
        ways = {move.partition: move.way for move in self.moves}
        return {at: [(behind, end)] for at, (behind, end) in ways.items() if behind and isinstance(end, Position)}


def is_confirmed_by(details: Mapping[str, Any], digest: str) -> bool:
    """Whether the act with these details is what a confirmation with this digest asked for."""
    kept = details.get(KEPT)
    return isinstance(kept, Mapping) and bool(digest) and kept.get("digest") == digest.partition(" ")[0]


def digest_of(verb: str, topic: str, name: str, type: SubscriptionType, aims: Mapping[int, Place]) -> str:
    places = [[at, aim.token if isinstance(aim, Position) else aim.value] for at, aim in sorted(aims.items())]
    seen = json.dumps([verb, topic, name, type.value, places])
    return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()


def _named_before(move: Move, mark: str, lost: str) -> bool:
    """Whether all that the move skips was there to skip when the cursor stood at ``mark``, and so many would be lost."""
    if lost and move.passed_over is not None and move.way[1] is not Edge.LATEST and move.passed_over > int(lost):
        return False
    end = move.way[1]
    backward = end is Edge.EARLIEST or (isinstance(end, Position) and end.token <= _token(move.stands_at))
    if backward or move.passed_over == 0 or move.alone:
        return True
    return bool(lost or mark) and _token(move.stands_at) >= mark


def _token(place: Position | None) -> str:
    return place.token if place else ""


def _as_waiting(parts: Iterable[tuple[Move, Ranges | None]]) -> Reached:
    return {
        move.partition: replace(move.reach, waiting=ranges)
        for move, ranges in parts
        if move.reach is not None and ranges is not None and len(ranges)
    }


def _label(place: Place) -> str:
    return place.value if isinstance(place, Edge) else place.label or place.token


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
