"""The desk's face for moving cursors: what a move would do, doing it, and the events that it takes or gives again."""

from collections.abc import Callable, Sequence

from eventstore.actions import ActionFace, Actor, Confirmation, Performed, PlannedAction, Resource
from eventstore.actions.action import Aim, P
from eventstore.cursors.following import Affected, Followed, follow
from eventstore.cursors.lost import by_aggregate
from eventstore.delivery.book import Book
from eventstore.model.errors import StoresOwn
from eventstore.model.events import Page
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Subscription
from eventstore.streams.rows import Row
from eventstore.subscriptions.progress import Reached
from eventstore.subscriptions.waiting import WaitingSummary, waiting_page, waiting_summary

EXTERNAL = (
    "The configuration says that this subscription's consumers keep their positions elsewhere. Its cursor says nothing of "
    "them, and moving it would deliver nothing. Nothing was moved: reset the position where they keep it."
)


class CursorFace:
    """``desk.cursors``. ``StoresOwn`` for a cursor that is not ours to move."""

    def __init__(
        self,
        *,
        actions: ActionFace,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        is_external: Callable[[str, str], bool],
    ) -> None:
        """``is_external``: whether the configuration says so of the subscription with this topic and name."""
        self._actions, self._rows_of, self._is_external = actions, rows_of, is_external

    def plan(self, action: PlannedAction[Aim, P], resource: Resource, aim: Aim) -> P:
        """What the move would do. Nothing is touched."""
        self._check(resource)
        return self._actions.plan(action, resource, aim)

    def confirm(
        self,
        actor: Actor,
        action: PlannedAction[Aim, P],
        resource: Resource,
        aim: Aim,
        *,
        confirmation: Confirmation,
        reason: str,
    ) -> Performed[P]:
        """Do what was planned and confirmed: see ``ActionFace.confirm``."""
        self._check(resource)
        return self._actions.confirm(actor, action, resource, aim, confirmation=confirmation, reason=reason)

    def first(self, events: Reached, limit: int) -> Sequence[Row]:
        """The first of these events of a plan (``MovePlan.lost``, ``MovePlan.redelivered``), each aggregate's together."""
        return self._rows_of(by_aggregate(waiting_page(events, None, limit).items))

    def page(self, events: Reached, *, page_token: str | None = None, limit: int = 50) -> Page[Row]:
        """A page of them, oldest first: ``newer`` leads on. ``InvalidPosition`` for a damaged token."""
        page = waiting_page(events, page_token, limit)
        return Page(items=self._rows_of(page.items), newer=page.newer, older=page.older)

    def summary(self, events: Reached) -> WaitingSummary:
        """How many they are, published when, and of how many aggregates, as far as a bounded look goes."""
        return waiting_summary(events)

    def rows(self, pointers: Sequence[Pointer]) -> Sequence[Row]:
        """These events, with what the store has of them."""
        return self._rows_of(pointers)

    def follow(self, subscription: Subscription, affected: Affected, book: Book) -> Followed:
        """What became of the events that a move has affected. Nothing is asked of the store."""
        return follow(subscription, affected, book)

    def _check(self, resource: Resource) -> None:
        if self._is_external(resource.topic, resource.subscription):
            raise StoresOwn(EXTERNAL)
