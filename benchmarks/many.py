"""How long a person waits for each page where there is much of everything, and what a desk costs while nothing happens.

On a real broker: ``TOPICS`` (2,000) topics with an event each, one with ``SUBSCRIPTIONS`` (500) subscriptions and every fourth
of the others with one, an aggregate that has events in ``SPREAD`` (300) of them, the crowded one included, and an aggregate of
``EVENTS`` (1,000,000) events. The index, in SQLite, has all of it. A page is what the desk returns to a logged-in admin, who
sees most, through Django's test client: without the web server and the network.

- ``worst_p95_ms``: the worst of the figures below, and ``pages_p95_ms`` those of each page: the 95th percentile of ``ASKED``
  (20) requests, each made after newer figures of all subscriptions were stored, which the process then reads. What pages
  remember for a moment is forgotten before each.
- ``unknown_p95_ms``: the worst page of a process that was just started where no figure of a subscription is stored, so that
  pages say what is not known yet.
- ``filled_p95_ms``: the worst of the parts that a page leaves to be filled in, and ``parts_p95_ms`` those of each page.
- ``against_one``: the worst page's time divided by that of the smallest page there is in the same process, the one that
  says what may be searched for in an empty list.
- ``idle_cpu_percent``, ``idle_mb``: of all processes of ``serve`` together, with the embedded store, ten topics of three
  partitions, no new event and no viewer: processor time in percent of one core, over ``IDLE`` (30) seconds after ``SETTLED``
  (30), and the memory that they occupy, each shared page counted once.
- ``broker_idle_cpu_percent``, ``broker_idle_mb``: the same with the broker and its topics, indexed before.
"""

import os
import tempfile
from pathlib import Path

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
    embedded = idle_with_topics(QUIET_TOPICS)
    say(f"idle, embedded: {embedded}")
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            apart(prepare, broker.service_url, broker.admin_url, sizes)
            with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as data:
                os.environ |= {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
                figures = apart(measured, data, sizes)
                on_broker = idle(dict(os.environ), Path(data)) if not os.environ.get("ONLY_PAGES") else {}
        finally:
            broker.stop()
    say(f"idle, with the broker: {on_broker}")
    lists = {name: figures.pop(name) for name in ("pages_p95_ms", "parts_p95_ms")}
    of_broker = {f"broker_{name}": value for name, value in on_broker.items()}
    report({**sizes._asdict(), **figures, **embedded, **of_broker}, lists)


if __name__ == "__main__":
    main()
