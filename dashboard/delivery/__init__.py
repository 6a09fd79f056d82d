"""What pages show of delivery: which subscriptions have handled an event, and which have not."""

from dashboard.delivery.context import of_aggregate, of_event
from dashboard.delivery.figures import asked_of, figures_for

__all__ = ["asked_of", "figures_for", "of_aggregate", "of_event"]
