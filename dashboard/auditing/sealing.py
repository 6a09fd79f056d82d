"""Seals of the record: making them, checking the record by them, and what the audit page says of them."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from dashboard.auditing.one_call import flush
from dashboard.auditing.seals.file import SealsFile, kept_in
from dashboard.auditing.seals.keys import PrivateKey, public_key, public_path
from dashboard.auditing.seals.marks import Seal, seal_text
from dashboard.auditing.seals.merkle import Tree
from dashboard.auditing.verification import Walk, rows
from dashboard.models import AuditEntry
from eventstore.actions import reason_of
from eventstore.model import EventStoreError, ToldOnce

log = logging.getLogger(__name__)

NEWEST = 100
"""Seals by which a page checks the record. The newest one covers all before it; older ones narrow down where it breaks."""
LATE_AFTER = 3
"""A seal is late once so many times the interval has passed since the last one."""


class RecordChanged(EventStoreError):
    """The record is not what was sealed before: it is not sealed again."""


class Sealer:
    """Seals the record again and again, into one file. It looks at each entry once, and remembers where it has been."""

    def __init__(self, key: PrivateKey, file: SealsFile) -> None:
        self._key, self._file = key, file
        self._walk: Walk | None = None

    def seal(self) -> Seal:
        """Check what was written since the last seal, and seal all. ``RecordChanged``, ``SealsProblem``, ``DatabaseError``."""
        walk, self._walk = self._walk or self._from_the_beginning(), None
        if walk.number and not AuditEntry.objects.filter(number=walk.number, hash=walk.hash).exists():
            raise RecordChanged(f"Entry {walk.number} of the record is not what was sealed before.")
        for row in rows(walk.number):
            if broken := walk.step(row):
                raise RecordChanged(f"The record is broken at entry {broken.number}: {broken.reason}.")
        if broken := walk.ended():
            raise RecordChanged(f"The record is broken at entry {broken.number}: {broken.reason}.")
        flush()
        assert walk.tree is not None
        made = Seal(size=walk.number, root=walk.tree.root(), time=datetime.now(UTC))
        self._file.add(seal_text(made, self._key))
        self._walk = walk
        return made

    def _from_the_beginning(self) -> Walk:
        return Walk(kept_in(self._file.path, self._key.public, NEWEST).seals, tree=Tree())


def seal_every(seconds: float, sealer: Sealer, stop: threading.Event) -> None:
    """Seal until ``stop`` is set. What prevents a seal is logged once, and tried again: the page says that seals are late."""
    told = ToldOnce(log, "The record's seals")
    while not stop.is_set():
        try:
            sealer.seal()
            told.over("are made again.")
        except (EventStoreError, DatabaseError) as error:
            told.tell(f"none was made: {reason_of(error)}")
            connection.close_if_unusable_or_obsolete()
        stop.wait(seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class SealSettings:
    """Where seals are kept, and how they are checked. ``key`` is the private one's file, which only the sealer needs."""

    seals: Path
    public: Path
    key: Path | None
    every: timedelta


def seal_settings() -> SealSettings | None:
    """As the environment says; ``None`` where this installation is not sealed."""
    key = Path(settings.EVENTDESK_SEAL_KEY) if settings.EVENTDESK_SEAL_KEY else None
    public = settings.EVENTDESK_SEAL_PUBLIC_KEY or (public_path(key) if key else "")
    if not settings.EVENTDESK_SEALS or not public:
        return None
    every = timedelta(seconds=int(settings.EVENTDESK_SEAL_EVERY))
    return SealSettings(seals=Path(settings.EVENTDESK_SEALS), public=Path(public), key=key, every=every)


@dataclass(frozen=True, kw_only=True, slots=True)
class SealState:
    """What is known of this installation's seals. ``problem`` is a sentence, or empty."""

    configured: bool = True
    seals: Sequence[Seal] = ()
    late: bool = False
    problem: str = ""
    bad: Sequence[str] = field(default=())

    @property
    def last(self) -> Seal | None:
        return self.seals[-1] if self.seals else None


def seal_state(newest: int = NEWEST) -> SealState:
    """By the file of seals, of which so many are read, as this process can read it."""
    found = seal_settings()
    if found is None:
        return SealState(configured=False)
    try:
        kept = kept_in(found.seals, public_key(found.public), newest)
    except EventStoreError as error:
        return SealState(problem=str(error))
    last = kept.last
    late = last is None or datetime.now(UTC) - last.time > LATE_AFTER * found.every
    return SealState(seals=kept.seals, late=late, bad=kept.bad)
