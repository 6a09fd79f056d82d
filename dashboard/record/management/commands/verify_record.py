"""Verify the audit record: each entry, the chain, and each seal."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.access.actors import command_line_actor
from dashboard.auditing import noted
from dashboard.auditing.entries import Row, line_of
from dashboard.auditing.one_call import flush
from dashboard.auditing.sealing import seal_settings
from dashboard.auditing.seals.file import Kept, kept_in
from dashboard.auditing.seals.keys import public_key
from dashboard.auditing.verification import verify
from dashboard.record.action_rules import EXPORT_RECORD, record_resource
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = (
        "Verify the audit record, and name the first broken entry. With seals, a cut tail and a chain computed anew show too."
        " An export is recorded itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seals", default="", help="the file of seals (default: EVENTDESK_SEALS)")
        parser.add_argument("--public-key", default="", help="the public key's file (default: EVENTDESK_SEAL_PUBLIC_KEY)")
        parser.add_argument("--export", default="", help="write all entries into this new file as well (NDJSON)")

    def handle(self, *args: Any, seals: str, public_key: str, export: str, **options: Any) -> None:
        try:
            kept = _kept(seals, public_key)
            with _exported(export) as file:
                counted = _Counted(file)
                broken = verify(kept.seals, seen=counted.add)
                flush()  # a crash of the database must leave no file with more entries than the record
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{export} was not written: {error.strerror}.") from error
        except DatabaseError as error:
            raise CommandError(f"The database did not do this ({type(error).__name__}).") from error
        for text in kept.bad:
            self.stderr.write(f"Not counted: {text}")
        if broken:
            raise CommandError(f"The record is broken at entry {broken.number}: {broken.reason}.")
        self.stdout.write(f"The chain holds: entries 1 to {counted.number} stand as they were written.")
        if kept is not NONE_GIVEN and kept.last is None:
            raise CommandError("No seal holds. Are the file of seals and the public key those of this record?")
        self.stdout.write(_of_seals(kept, counted.number))


NONE_GIVEN = Kept(seals=(), bad=())


class _Counted:
    """Counts entries, and writes them where they are exported."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self.number, self._file = 0, file

    def add(self, row: Row) -> None:
        self.number = row.number
        if self._file is not None:
            self._file.write(line_of(row))


def _kept(seals: str, public: str) -> Kept:
    found = seal_settings()
    path = Path(seals) if seals else found.seals if found else None
    key = Path(public) if public else found.public if found else None
    if path is None:
        return NONE_GIVEN
    if key is None:
        raise CommandError("Give the public key: --public-key FILE.")
    if not path.exists():
        raise CommandError(f"There is no file of seals {path}.")
    return kept_in(path, public_key(key))


@contextmanager
def _exported(export: str) -> Iterator[IO[bytes] | None]:
    if not export:
        yield None
        return
    with Path(export).open("xb") as file:
        noted(command_line_actor(), EXPORT_RECORD.name, record_resource(), {"format": "entries", "whole": True})
        yield file


def _of_seals(kept: Kept, entries: int) -> str:
    if kept.last is None:
        return "No seal was given: this cannot show whether the newest entries were cut off, or the chain was computed anew."
    after = entries - kept.last.size
    return f"All {len(kept.seals)} seals hold. The last is of {kept.last.time_text}; {after} entries came after it."
