"""The poller: a thread beside the indexer that asks the store about all subscriptions every few seconds, watched or not.

So there is a history to look back on, and pages show what is stored. Several pollers take turns, by the lease.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connections

from eventstore.backlogs.face import POLL_EVERY, BacklogFace
from eventstore.backlogs.later import text_of
from eventstore.config.loading import Config
from eventstore.config.subscriptions import is_external
from eventstore.model.errors import ToldOnce
from eventstore.model.storage import Storage
from eventstore.subscriptions.face import OnLook, SubscriptionFace, ignore_look

log = logging.getLogger(__name__)

STOPPED_WITHIN = 1.5
"""Seconds. The indexer has stopped before, within four, and after six in all the process is killed."""


@contextmanager
def polling(storage: Storage, config: Config, process_stops: threading.Event, on_look: OnLook = ignore_look) -> Iterator[None]:
    """Poll in a thread of its own within this block. ``on_look``: see ``SubscriptionFace``.

    Nothing more is asked as soon as the process stops, which may be a while before the block ends.
    """
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
    thread = threading.Thread(target=_poll, args=(face, stop, process_stops.is_set), name="backlog poller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOPPED_WITHIN)


def _poll(face: BacklogFace, stop: threading.Event, process_stops: Callable[[], bool]) -> None:
    told = ToldOnce(log, "The backlogs of the subscriptions")
    rest = timedelta(seconds=POLL_EVERY)

    def is_stopped() -> bool:
        return stop.is_set() or process_stops()

    try:
        while not is_stopped():
            try:
                rest = face.poll(rest, is_stopped) or rest
                face.thin(stop)
                told.over("are known again.")
            except Exception as error:  # noqa: BLE001 - told once; without the poller all figures would grow old
                told.tell(f"trying again: {text_of(error)}")
                connections.close_all()
            stop.wait(rest.total_seconds())
    finally:
        connections.close_all()
