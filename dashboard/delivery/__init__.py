"""What pages show of delivery: which subscriptions have handled an event, and which have not."""

from dashboard.delivery.context import of_aggregate, of_event
from dashboard.delivery.figures import figures_for

__all__ = ["figures_for", "of_aggregate", "of_event"]
