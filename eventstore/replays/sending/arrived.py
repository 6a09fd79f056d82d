"""Which copies of a replay the target has got already, when a run begins again.

Copies of a share arrive in the order of the share, without a gap. So whatever comes before one that has arrived has arrived
too, even where the target's retention has removed it since.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass

from eventstore.copying import behind, is_kept
from eventstore.model.copying import Copying
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.replays.order import REPLAY_ID, REPLAY_OF
from eventstore.replays.sending.state import State

NO_LONGER_TOLD = (
    "The retention of {} may have removed copies that were sent to its partition {} lately, so nothing tells which of the "
    "next events have arrived there. No more were sent, so that none is sent twice, and this job cannot continue. Look at "
    "what the projection has handled, and replay the rest anew."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """``marks``: of the copies behind the noted place (``order.mark_of``). ``last``: the mark of the last one, and where the
    copy lies, as far as they are known."""

    marks: Set[str] = frozenset()
    last: str = ""
    place: str = ""

    def up_to(self, log: Log) -> Position | None:
        """Return the place of the original whose copy is the last one; ``None`` without one, or if its mark does not tell."""
        topic, _, rest = self.last.rpartition("/")
        topic, _, partition = topic.rpartition("/")
        return log.labelled(topic, int(partition), rest) if partition.isascii() and partition.isdigit() else None


def arrived(
    copying: Copying, log: Log, job: str, target: str, partition: int, state: State, tick: Callable[[], None]
) -> Arrived:
    """Read what the target has got behind the noted place. Call this only while nobody else can send for this share.

    Raises ``StoreRefused`` where retention may have removed all copies that were on their way.
    """
    if state.tidy:
        return Arrived()
    ends = log.ends(target)[partition]
    if ends.written <= state.behind:
        return Arrived()
    found: dict[str, str] = {}
    for message in behind(copying, log, ends, state.behind, tick):
        if message.properties.get(REPLAY_ID) == job:
            found[message.properties.get(REPLAY_OF, "")] = message.position.token
    if not (found or is_kept(ends, state.behind) or copying.is_held(target, partition, state.held)):
        raise StoreRefused(NO_LONGER_TOLD.format(target, partition))
    last = max(found, key=found.__getitem__, default="")
    return Arrived(marks=found.keys(), last=last, place=found.get(last, ""))
