"""How long a person waits for each page where there is much of everything, and what a desk costs while nothing happens.

On a real broker: ``TOPICS`` (2,000) topics with an event each, one with ``SUBSCRIPTIONS`` (500) subscriptions and every fourth
of the others with one, an aggregate that has events in ``SPREAD`` (300) of them, the crowded one included, and an aggregate of
``EVENTS`` (1,000,000) events. The index, in SQLite, has all of it. A page is what the desk returns to a logged-in admin, who
sees most, through Django's test client: without the web server and the network.

- ``worst_p95_ms``: the worst of the figures below, and ``pages_p95_ms`` those of each page: the 95th percentile of ``ASKED``
  (12) requests, each made after newer figures of all subscriptions were stored, which the process then reads. What pages
  remember for a moment is forgotten before each.
- ``unknown_p95_ms``: the worst page of a process that was just started where no figure of a subscription is stored, so that
  pages say what is not known yet.
- ``overview_filled_seconds``: how long such a process takes until its overview knows all.
- ``filled_p95_ms``: the worst of the parts that a page leaves to be filled in, and ``parts_p95_ms`` those of each page.
- ``against_one``: the worst page's time divided by that of the smallest page there is in the same process, the one that
  says what may be searched for in an empty list.
- ``idle_cpu_percent``, ``idle_mb``: of all processes of ``serve`` together, with the embedded store, ten topics of three
  partitions, no new event and no viewer: processor time in percent of one core, over ``IDLE`` (30) seconds after ``SETTLED``
  (20), and the memory that they occupy, each shared page counted once.
- ``broker_idle_cpu_percent``, ``broker_idle_mb``: the same with the broker and its topics, indexed before. Only with
  ``BROKER_IDLE=1``. ``ONLY_PAGES=1`` leaves out both, and ``ONLY_IDLE=1`` the pages.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.index import apart
from benchmarks.many_idle import idle, idle_with_topics
from benchmarks.many_material import Sizes, prepare
from benchmarks.many_pages import measured
from benchmarks.running import report, say, setting
from scripts.local_pulsar import LocalPulsar

EVENTS, TOPICS, SUBSCRIPTIONS, SPREAD = 1_000_000, 2_000, 500, 300
QUIET_TOPICS = 10


def main() -> None:
    sizes = Sizes(
        events=setting("EVENTS", EVENTS),
        topics=setting("TOPICS", TOPICS),
        subscriptions=setting("SUBSCRIPTIONS", SUBSCRIPTIONS),
        spread=setting("SPREAD", SPREAD),
    )
    embedded: dict[str, float] = {} if os.environ.get("ONLY_PAGES") else idle_with_topics(QUIET_TOPICS)
    say(f"idle, embedded: {embedded}")
    figures: dict[str, Any] = {} if os.environ.get("ONLY_IDLE") else _on_a_broker(sizes)
    lists = {name: figures.pop(name, {}) for name in ("pages_p95_ms", "parts_p95_ms")}
    report({**sizes._asdict(), **figures, **embedded}, lists)


def _on_a_broker(sizes: Sizes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder, tempfile.TemporaryDirectory() as data:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            apart(prepare, broker.service_url, broker.admin_url, sizes)
            os.environ |= {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
            figures: dict[str, Any] = apart(measured, data, sizes)
            if os.environ.get("BROKER_IDLE"):
                figures |= {f"broker_{name}": value for name, value in idle(dict(os.environ), Path(data)).items()}
            return figures
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
