"""Make the key that signs seals of the audit record."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.auditing.seals.keys import make_key, public_path
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Make the key that signs seals of the audit record: a private one for this server, and a public one for everybody."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="where the private key goes, a new file. The public key goes beside it (.pub)")
        parser.add_argument("--record", required=True, help="the record's name in its seals, such as desk.example.org/record")

    def handle(self, *args: Any, file: str, record: str, **options: Any) -> None:
        path = Path(file)
        try:
            public = make_key(record, path)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{path} was not written: {error.strerror}.") from error
        self.stdout.write(f"Private key: {path} (only its owner may read it)")
        self.stdout.write(f"Public key: {public_path(path)}")
        self.stdout.write(str(public))
