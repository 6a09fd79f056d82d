"""The application that daphne serves, with tails that keep few events, for tests of slow clients.

Its sockets never ask by themselves whether they may still be open: they have to be told.
"""

from dashboard.asgi import application
from dashboard.sockets.tail import consumer
from eventstore.tail import ring

__all__ = ["application"]

ring.MOST_EVENTS = 2_000
consumer.CHECK_RIGHTS_EVERY = 3_600.0
