"""The application that daphne serves, with tails that keep few events, for tests of slow clients."""

from dashboard.asgi import application
from eventstore.tail import ring

__all__ = ["application"]

ring.MOST_EVENTS = 2_000
