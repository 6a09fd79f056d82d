"""Acts that a process left open when it died: settled when ``serve`` starts, and every few seconds while a job worker runs.

Until then nobody knows that such a move has skipped events, so that they read "acknowledged".
"""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections

from dashboard.auditing.entries import as_meant, resource_of
from dashboard.auditing.interrupted import first_open, resolve_interrupted
from dashboard.auditing.refusals import write_ended
from dashboard.cursors.after_move import note_interrupted
from dashboard.gateway import desk
from dashboard.models import AuditEntry
from eventstore.actions import reason_of
from eventstore.cursors import MOVES
from eventstore.model import StoreUnreachable, ToldOnce

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds from one look to the next."""


def settle_left_open(since: int = 0) -> int:
    """Settle what was left open from this entry of the record on; return from which one on to look the next time.

    Raises ``StoreUnreachable`` where a cursor's move has to wait for the store. Everything else is settled then.
    """
    first = first_open(since)
    resolve_interrupted(what_the_store_shows, desk().jobs.open_acts, since=first)
    return first


def settle_at_start() -> None:
    """As ``settle_left_open``. While the store is away, moves of cursors stay open: a worker settles them once it answers."""
    try:
        settle_left_open()
    except StoreUnreachable as error:
        log.warning("Moves of cursors that a process left open stay open until the store answers: %s", reason_of(error))


@contextmanager
def settling() -> Iterator[None]:
    """Settle what is left open, in a thread of its own, for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_settle, args=(stop,), name="acts left open", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _settle(stop: threading.Event) -> None:
    told, since = ToldOnce(log, "What a process left open on the record"), 0
    try:
        while not stop.is_set():
            try:
                since = settle_left_open(since)
                write_ended()
                told.over("is being settled again.")
            except Exception as error:  # noqa: BLE001 - told once; what is left open waits until it can be settled
                told.tell(f"trying again: {reason_of(error)}")
                connections.close_all()
            stop.wait(EVERY)
    finally:
        connections.close_all()


def what_the_store_shows(entry: AuditEntry) -> Mapping[str, Any]:
    """What became of an act that a crash left open, as its action finds out from the store. ``StoreUnreachable`` of a cursor's
    move: what it may have skipped has to be noted first."""
    details = json.loads(entry.details)
    if entry.action in {move.name for move in MOVES}:
        note_interrupted(resource_of(entry), details)
    return desk().actions.shown_by_store(entry.action, as_meant(resource_of(entry)), details)
