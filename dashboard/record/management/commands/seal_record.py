"""Seal the audit record: sign how many entries it holds and which, into a file elsewhere."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.auditing.sealing import Sealer, seal_every, seal_settings
from dashboard.auditing.seals.file import appending
from dashboard.auditing.seals.keys import private_key
from eventstore.management import stopping_by_signal
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Check what is new on the audit record, and add a signed seal to the file EVENTDESK_SEALS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", default=0, help="again and again, until stopped")

    def handle(self, *args: Any, every: int, **options: Any) -> None:
        found = seal_settings()
        if found is None or found.key is None:
            raise CommandError("Set EVENTDESK_SEAL_KEY to the private key's file, and EVENTDESK_SEALS to the file of seals.")
        try:
            with appending(found.seals) as file, stopping_by_signal() as stop:
                sealer = Sealer(private_key(found.key, found.public), file)
                if every > 0:
                    seal_every(every, sealer, stop)
                else:
                    made = sealer.seal()
                    self.stdout.write(f"Sealed {made.size} entries at {made.time_text}.")
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database did not do this ({type(error).__name__}).") from error
