"""Who gets what is sent to the target, and whether it is still those whom the plan has named."""

from collections.abc import Sequence

from eventstore.model.errors import StoreRefused
from eventstore.model.subscriptions import Subscription, Subscriptions
from eventstore.redrives.order import Order


def audience_of(subscriptions: Subscriptions, target: str) -> Sequence[Subscription]:
    return [one for one in subscriptions.of_topic(target) if not one.kind.of_the_store]


def check_audience(subscriptions: Subscriptions, order: Order) -> None:
    """Raise ``StoreRefused`` if the letters' own subscription is gone, or if another one has come that would get them too."""
    if order.audience is None:
        return
    now = {one.name for one in audience_of(subscriptions, order.target)}
    if order.name in order.audience and order.name not in now:
        raise StoreRefused(
            f"The subscription {order.name} of {order.target} is gone, so no consumer would get these letters. "
            "No more were sent. Make it again and resume the job, or redrive the letters that still wait to another topic."
        )
    if more := sorted(now - {order.name, *order.audience}):
        raise StoreRefused(
            f"Since this was confirmed, {order.target} has got subscriptions that would get the letters too: "
            f"{', '.join(more)}. No more were sent. Redrive the letters that still wait anew: the preview names them."
        )
