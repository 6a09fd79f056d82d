"""The poller: a thread beside the indexer that asks the store about all subscriptions every few seconds, watched or not.

So there is a history to look back on, and pages show what is stored. Several pollers take turns, by the lease.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connections

from eventstore.backlogs.face import BacklogFace
from eventstore.config.loading import Config
from eventstore.config.subscriptions import is_external
from eventstore.index.indexer.failures import database_error_text
from eventstore.model.errors import EventStoreError, ToldOnce
from eventstore.model.storage import Storage
from eventstore.subscriptions.face import OnLook, SubscriptionFace, ignore_look

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds from one question to the next."""
REST = 10
"""Where the answer takes long, the next question comes only after so many times as long."""
STOPPED_WITHIN = 6.0


@contextmanager
def polling(storage: Storage, config: Config, on_look: OnLook = ignore_look) -> Iterator[None]:
    """Poll in a thread of its own within this block. ``on_look``: see ``SubscriptionFace``."""
    stop = threading.Event()
    stuck_after = timedelta(seconds=config.limits.stuck_after_seconds)
    subscriptions = SubscriptionFace(
        storage=storage,
        rows_of=lambda _: [],
        stuck_after=stuck_after,
        on_look=on_look,
        is_external=lambda one: is_external(config.subscriptions, one.topic, one.name),
    )
    face = BacklogFace(log=storage.log, subscriptions=subscriptions)
    thread = threading.Thread(target=_poll, args=(face, stop), name="backlog poller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOPPED_WITHIN)


def _poll(face: BacklogFace, stop: threading.Event) -> None:
    told = ToldOnce(log, "The backlogs of the subscriptions")
    wait = EVERY
    try:
        while not stop.is_set():
            begun = time.monotonic()
            try:
                if face.poll(timedelta(seconds=wait), stop):
                    wait = max(EVERY, REST * (time.monotonic() - begun))
                told.over("are known again.")
            except EventStoreError as error:
                told.tell(f"trying again: {error}")
            except DatabaseError as error:
                told.tell(f"trying again: {database_error_text(error)}")
                connections.close_all()
            stop.wait(wait)
    finally:
        connections.close_all()
