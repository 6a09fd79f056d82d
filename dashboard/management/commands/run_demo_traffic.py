"""Publish the demo's events and run its consumers, until Ctrl-C or SIGTERM."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.demo import own_store, require_demo_mode
from dashboard.demo.traffic import run
from dashboard.gateway import close, desk


class Command(BaseCommand):
    help = "Publish about two demo events a second into the embedded store, and run three consumers of them."

    def handle(self, *args: Any, **options: Any) -> None:
        require_demo_mode()
        if not own_store():
            raise CommandError("EVENTSTORE_URL names a broker, which demo traffic is never written into.")
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, end)
        try:
            store = desk().store
            if store.subscriptions is None:
                raise CommandError("This store has no subscriptions, which the demo's consumers need.")
            run(store.log, store.subscriptions, stop)
        finally:
            close()
