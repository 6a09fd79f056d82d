"""The desk's face for delivery: what became of events in the subscriptions of their topics."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from eventstore.config.subscriptions import DeclaredSubscription, is_external
from eventstore.delivery.book import Book
from eventstore.delivery.judging import Known
from eventstore.delivery.tracks import Tracks
from eventstore.delivery.waiting import Waiting, waiting_of
from eventstore.index.tables.subscription_names import stored_name
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Subscription
from eventstore.streams.rows import Row
from eventstore.subscriptions.backlog import Backlog
from eventstore.subscriptions.letters import REAL_SUBSCRIPTION

Spans = Sequence[tuple[str, str]]
"""Places behind the first token, up to and including the second."""


class DeliveryFace:
    """``desk.delivery``. It asks the store nothing about subscriptions: whoever calls has their figures, with their time."""

    def __init__(
        self,
        *,
        log: Log,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        tracks: Tracks,
        declared: Sequence[DeclaredSubscription],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """``settle`` is called before the tracks are used: it notes what this process has seen and not noted yet."""
        self._log, self._rows_of, self._settle = log, rows_of, settle
        self._tracks, self._declared = tracks, declared

    def book(self, backlogs: Sequence[Backlog]) -> Book:
        """What events are judged against: these subscriptions as they were last seen, without the store's own.

        Give those of all topics that the events lie in, and of their retry topics.
        """
        self._settle()
        known = [one for one in backlogs if not one.subscription.kind.of_the_store]
        newest = max((one.as_of for one in known), default=None)
        topics = sorted({one.subscription.topic for one in known})
        passed = self._tracks.passed(topics, newest) if newest else {}
        return Book(
            log=self._log,
            known=[
                Known(
                    backlog=one,
                    passages=passed.get((one.subscription.topic, stored_name(one.subscription.name)), {}),
                    external=is_external(self._declared, one.subscription.topic, one.subscription.name),
                )
                for one in known
            ],
            declared=self._declared,
            sender_of=self._senders,
        )

    def waiting(self, book: Book, type: str, id: str) -> Sequence[Waiting]:
        """Every subscription that has yet to handle events of this aggregate, the one with most of them first."""
        return waiting_of(book, type, id)

    def note_moves(self, skips: Mapping[int, Spans], subscription: Subscription, at: datetime, *, certain: bool) -> None:
        """Remember what a move of cursors has skipped, by partition; not ``certain``: what it may have. ``subscription`` is as
        the store shows it after that."""
        self._settle()
        stands = {one.partition: one.acknowledged.token if one.acknowledged else "" for one in subscription.cursors}
        self._tracks.note_skips(subscription.topic, subscription.name, skips, at, stands, certain=certain)

    def note_undo(self, topic: str, name: str, given: Mapping[int, Sequence[tuple[str, str]]], at: datetime) -> None:
        """Remember that an undo gave these ranges (tokens) back, by partition: they are not passed over any more."""
        self._settle()
        self._tracks.note_back(topic, name, given, at)

    def _senders(self, copies: Sequence[Pointer]) -> Mapping[Position, str]:
        return {
            row.position: row.event.message.properties.get(REAL_SUBSCRIPTION, "")
            for row in self._rows_of(copies)
            if row.event is not None
        }
