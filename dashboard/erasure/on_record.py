"""What the audit record has on one aggregate, and when it says that a cursor was put back."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q

from dashboard.auditing.acts import Wanted, every_act
from dashboard.auditing.entries import storable
from dashboard.auditing.reasons import CASE
from dashboard.gateway import sight
from dashboard.models import AuditEntry, CaseNote
from dashboard.privacy import public_id
from dashboard.scoping.rows import sees_act
from eventstore.cursors import RESET_CURSOR, UNDO_MOVE
from eventstore.replays import REPLAY_EVENTS

BY_CURSOR = '"way":"cursor"'
"""In the details of a replay that puts the subscription's own cursor back, as ``entries.canonical`` writes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRecord:
    """``acts``: how many are on this aggregate, or on an event of it, by their kind. ``in_clear``: how many of them name its
    id although it is personal, since they are from before it was declared so. ``cases``: how many cases they are of, with so
    many ``notes``."""

    acts: Mapping[str, int]
    in_clear: int
    cases: int
    notes: int


def on_record(type: str, id: str) -> OnRecord:
    """Look for acts on the aggregate, by its id or by its handle of today: those that may be shown to whoever is answered."""
    plain, public = storable(id), storable(public_id(type, id))
    mine = Wanted(on=Q(aggregate_type=storable(type), aggregate_id__in={plain, public}))
    within = sight()
    acts: Counter[str] = Counter()
    in_clear, cases = 0, set[int]()
    for act in (act for some in every_act(mine) for act in some if sees_act(act, within)):
        acts[act.action] += 1
        in_clear += act.resource.aggregate_id != public
        number = act.details.get(CASE)
        cases |= {number} if isinstance(number, int) else set()
    return OnRecord(
        acts=dict(sorted(acts.items())),
        in_clear=in_clear,
        cases=len(cases),
        notes=CaseNote.objects.filter(case__in=cases).count(),
    )


def moved_back(readers: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], datetime]:
    """When the cursor of each of these subscriptions was last put back, or may have been, on this desk: by topic and name.

    A replay by cursor is on the record under its projection's first topic, and puts back those of the others as well.
    """
    back = Q(action__in=[RESET_CURSOR.name, UNDO_MOVE.name]) | Q(action=REPLAY_EVENTS.name, details__contains=BY_CURSOR)
    named = AuditEntry.objects.filter(back, begins=True, subscription__in={storable(name) for _, name in readers})
    times: dict[tuple[str, str], datetime] = {}
    for action, topic, name, at in named.values_list("action", "topic", "subscription").annotate(last=Max("written")):
        key = ("" if action == REPLAY_EVENTS.name else topic, name)
        times[key] = max(at, times.get(key, at))
    told = {(topic, name): [times.get((of, storable(name))) for of in (storable(topic), "")] for topic, name in readers}
    return {one: max(known) for one, both in told.items() if (known := [at for at in both if at is not None])}
