"""Looks from time to time what is wrong, and tells it: in one process at a time, whichever has the lock."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import connections

from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.observing.alerts.channels import channels
from dashboard.observing.alerts.conditions import conditions
from dashboard.observing.alerts.sending import send_due
from dashboard.observing.alerts.standing import note
from eventstore.actions import Actor, Resource, reason_of
from eventstore.model import LeaseLost, ResourceBusy, ToldOnce

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds from one look to the next."""
ALERTS = Resource(kind="alerts", name="alerts")
SENDER = Actor(name="(alerts)", via="shell")


@contextmanager
def watching() -> Iterator[None]:
    """Watch in a thread of its own for as long as the block runs; not at all where nobody is to be told."""
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(stop,), name="alerts", daemon=True)
    if channels():
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if channels():
            thread.join()


def look(now: datetime | None = None) -> bool:
    """Look once, and send what is due. ``False`` if another process does so now. Raises ``DatabaseError``."""
    try:
        lease = SAFEGUARDS.locks.acquire(ALERTS, SENDER, "are being sent")
    except ResourceBusy:
        return False
    try:
        note(conditions(), now or datetime.now(UTC))
        send_due(now or datetime.now(UTC), lease.renew)
    except LeaseLost:
        return False
    finally:
        lease.release()
    return True


def _watch(stop: threading.Event) -> None:
    told = ToldOnce(log, "Alerts")
    try:
        while not stop.is_set():
            try:
                look()
                told.over("are looked for again.")
            except Exception as error:  # noqa: BLE001 - told once; the next look may succeed
                told.tell(f"are not looked for, trying again: {reason_of(error)}")
                connections.close_all()
            stop.wait(EVERY)
    finally:
        connections.close_all()
