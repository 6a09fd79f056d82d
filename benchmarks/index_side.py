"""One run of the benchmark ``index``: run by its path in the tree that ``PYTHONPATH`` names, this one or an older one.

Takes the broker's two addresses, a namespace, how many events it holds, the processes (0: the build knows none) and the URL of
an empty database (none: SQLite). Prints the events per second of indexing the namespace.
"""

import os
import sys
import tempfile
import threading
import time
from typing import Any


def main(service_url: str, admin_url: str, namespace: str, events: str, processes: str, database_url: str = "") -> None:
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        os.environ |= {
            "EVENTDESK_DATA": folder,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "INDEX_DATABASE_URL": database_url,
        }
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", database="default", verbosity=0)
        call_command("migrate", database="index", verbosity=0)
        from eventstore.config import Config
        from eventstore.drivers.pulsar.storage import PulsarStorage

        try:
            from eventstore.index.indexer.run import Following, index_until_caught_up
        except ImportError:  # before there were rooms
            from eventstore.index.following import Following, index_until_caught_up  # type: ignore[import-not-found, no-redef]

        storage = PulsarStorage(service_url=service_url, admin_url=admin_url, namespaces=(namespace,))
        more: dict[str, Any] = {"processes": int(processes)} if int(processes) else {}
        following = Following(
            storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None, **more
        )
        begun, used = time.perf_counter(), time.process_time()
        total = index_until_caught_up(following)
        took = time.perf_counter() - begun
        print(f"{(time.process_time() - used) / total * 1e6:.1f} µs of this process an event", file=sys.stderr)
        storage.close()
        connections.close_all()
    if total != int(events):
        raise SystemExit(f"{total:,} events were indexed, not {int(events):,}")
    print(total / took)


if __name__ == "__main__":
    main(*sys.argv[1:])
