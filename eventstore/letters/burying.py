"""Burying dead letters: acknowledging them in ``eventdesk-redrive`` without sending them anywhere.

The letters stay in their topic until retention removes them; they are only not shown as waiting any more. A store acknowledges
entries, and clients may send several letters in one: such letters are buried together or not at all.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.actions import SUBSCRIPTION, PlannedAction, Resource, Running, Undo, carry_out, register
from eventstore.index.lookup import queries
from eventstore.letters.entries import entries_of
from eventstore.letters.places import KEEPER, DeadLetterTopic, look
from eventstore.model.cursor_moves import OnBegin, OnMove
from eventstore.model.errors import InvalidPosition, UnknownSubscription
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage, subscriptions_of

MOST_BURIED = 1_000
"""Letters that are buried at once."""
MOST_NAMED = 100
"""Letters whose event ids the record names."""
NOT_KEPT = f"Nothing is acknowledged here yet: make {KEEPER} first, the subscription in which letters are buried."
TOO_MANY = f"At most {MOST_BURIED:,} letters are buried at once. Choose fewer."
NONE_CHOSEN = "Choose the letters to bury."

Burial = Sequence[Position]
"""The letters that were chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BurialPlan:
    """What burying would do. ``letters`` would be acknowledged.

    ``apart``: chosen letters that share an entry with others that were not chosen, and are left. ``done``: how many of the
    chosen ones wait no more.
    """

    topic: str
    letters: Sequence[Pointer]
    apart: Sequence[Pointer]
    done: int

    @property
    def digest(self) -> str:
        places = sorted((letter.position.partition, letter.position.token) for letter in self.letters)
        seen = json.dumps([self.topic, places])
        return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()

    def confirmed_by(self, digest: str) -> bool:
        """New letters do not change it. One of the chosen that was dealt with since does."""
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        """For the record: ids and counts."""
        ids = [letter.event_id for letter in self.letters[:MOST_NAMED]]
        counts = {"letters": len(self.letters), "left_out": len(self.apart)}
        return {"topic": self.topic, **counts, "event_ids": ids, "digest": self.digest}


def plan(storage: Storage, resource: Resource, aim: Burial) -> BurialPlan:
    """Look which of the chosen letters wait. Raises ``InvalidPosition`` where none is chosen, or too many."""
    if not aim:
        raise InvalidPosition(NONE_CHOSEN)
    if len(aim) > MOST_BURIED:
        raise InvalidPosition(TOO_MANY)
    dead = look(storage, storage.log.topic(resource.topic), "")
    if dead.ours is None or resource.subscription != KEEPER:
        raise UnknownSubscription(NOT_KEPT)
    chosen = queries.at_each([at for at in aim if at.topic == dead.topic.name])
    waiting = [letter for letter in chosen.values() if dead.is_waiting(letter)]
    apart = _apart(storage, dead, waiting)
    whole = [letter for letter in waiting if letter.position not in apart]
    return BurialPlan(
        topic=dead.topic.name,
        letters=sorted(whole, key=_place),
        apart=sorted((letter for letter in waiting if letter.position in apart), key=_place),
        done=len(aim) - len(waiting),
    )


def _apart(storage: Storage, dead: DeadLetterTopic, letters: Sequence[Pointer]) -> set[Position]:
    """Return the places of those that share their entry with a waiting letter that is not among them."""
    entries = entries_of(storage.log, dead, letters)
    chosen = {(letter.position.partition, letter.ordinal) for letter in letters}
    return {
        at
        for at, ordinals in entries.items()
        if any(each in dead.waiting[at.partition].waiting and (at.partition, each) not in chosen for each in ordinals)
    }


def _place(letter: Pointer) -> tuple[int, int]:
    return letter.position.partition, letter.ordinal


def execute(storage: Storage, plan: BurialPlan, act: Running) -> None:
    """Acknowledge the entries of the letters, which the driver reads back. Each partition is a part of the act."""
    ranges: dict[int, list[tuple[Position, Position]]] = {}
    for letter in plan.letters:
        ranges.setdefault(letter.position.partition, []).append(storage.log.entry(letter.position))

    def call(on_begin: OnBegin, on_move: OnMove) -> None:
        subscriptions_of(storage).acknowledge(plan.topic, KEEPER, ranges, on_begin=on_begin, on_move=on_move)

    act.facts["letters"] = len(plan.letters)
    carry_out(act, sorted(ranges), call)


BURY_LETTERS: PlannedAction[Burial, BurialPlan] = register(
    PlannedAction(
        name="bury_letters",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Bury dead letters",
        doing="is being acknowledged",
        undo=Undo(
            possible=True,
            how=f"Reset the cursor of {KEEPER} to the first of these letters. It then has all later ones again, too.",
        ),
        plan=plan,
        execute=execute,
    )
)
