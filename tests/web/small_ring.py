"""What daphne serves, but that its tails keep few events: for tests of those who fall behind them."""

from dashboard.asgi import application
from eventstore.tail import ring

__all__ = ["application"]

ring.MOST_EVENTS = 2_000
