"""The desk's face for what is wrong with a subscription."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from eventstore.backlogs.face import BacklogFace
from eventstore.diagnosis.batches import LATEST, mixed_batch
from eventstore.diagnosis.diagnose import NOTHING_DECLARED, WINDOW, diagnose, glance
from eventstore.diagnosis.findings import Declared, Diagnosis, Finding, MixedBatch
from eventstore.index.lookup.queries import latest_pointers
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import SubscriptionType
from eventstore.streams.rows import Row
from eventstore.subscriptions import Backlog

ORDERED = Declared(ordered=True)


class DiagnosisFace:
    """``desk.diagnosis``."""

    def __init__(
        self,
        *,
        log: Log,
        backlogs: BacklogFace,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        is_ordered: Callable[[str], bool],
        stuck_after: timedelta,
    ) -> None:
        """``is_ordered`` says of a topic's name whether order matters there."""
        self._log, self._backlogs, self._rows_of = log, backlogs, rows_of
        self._is_ordered, self._stuck_after = is_ordered, stuck_after

    def of(self, backlog: Backlog, resets: Sequence[datetime] = ()) -> Diagnosis:
        """What is wrong with the subscription, by all that was seen of it in the last half an hour, and by the keys of its
        topic's latest batches. ``resets``: when the desk itself reset its cursor."""
        told = backlog.subscription
        looks = self._backlogs.looks(told.topic, told.name, backlog.as_of - WINDOW)
        declared = Declared(ordered=self._is_ordered(told.topic), mixed_batch=self._mixed_batch(backlog), resets=tuple(resets))
        return diagnose(backlog, looks, self._stuck_after, declared)

    def at_a_glance(self, backlog: Backlog) -> Sequence[Finding]:
        """The findings of ``of``, by the backlog alone: nothing is read, so it is for lists."""
        told = backlog.subscription
        ordered = told.type is SubscriptionType.SHARED and self._is_ordered(told.topic)
        return glance(backlog, self._stuck_after, ORDERED if ordered else NOTHING_DECLARED)

    def _mixed_batch(self, backlog: Backlog) -> MixedBatch | None:
        if backlog.subscription.type is not SubscriptionType.KEY_SHARED:
            return None
        return mixed_batch(latest_pointers(backlog.subscription.topic, LATEST), self._log.entry, self._rows_of)
