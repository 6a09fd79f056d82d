"""One side of the benchmark ``masking``: run by its path in the tree that ``PYTHONPATH`` names, this one or an older one.

Takes ``now`` or ``before``. Prints the milliseconds of an aggregate's page, and the microseconds of each event of a tail.
"""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGES, EVENTS, TIMES = 60, 50, 40
FILLING = 15
PAYLOAD = {
    "title": "Laboratory report",
    "uploadedBy": "the practice",
    "patient": {"name": {"given": "Alma", "family": "Jarchow"}, "born": "1953-04-02", "email": "alma@example.org"},
    "insurance": {"insurer": "Nordlicht Mutual", "number": "X123456789"},
    "pages": [{"number": number, "bytes": 20_000 + number} for number in range(4)],
    "bytes": 80_000,
    "result": "clean",
    "seconds": 1.5,
}
STORY = '[stories]\nDocumentUploaded = "Document uploaded by {data.uploadedBy}: {data.title}"\n'
SHOWN = (
    ("data.title", "plain"),
    ("data.uploadedBy", "plain"),
    ("data.patient.born", "year"),
    ("data.patient.email", "hash"),
    ("data.insurance.number", "last4"),
)


def main(side: str) -> None:
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        (config := Path(folder) / "desk.toml").write_text(STORY + (_rules() if side == "now" else ""))
        os.environ |= {
            "EVENTDESK_DATA": folder,
            "EVENTDESK_CONFIG": str(config),
            "EVENTDESK_HASH_KEY": "only-for-this-benchmark-" + "k" * 20,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        }
        import django
        from django.core.management import call_command

        django.setup()
        for alias in ("default", "index", "store"):
            call_command("migrate", database=alias, verbosity=0)
        print(json.dumps(_figures(side)))


def _rules() -> str:
    """Twenty rules: those for other types first, then those for the payload."""
    rules = [
        f'[[masking.rule]]\ntype = "Other{number}*"\npath = "data.field{number}"\nshow = "plain"' for number in range(FILLING)
    ]
    rules += [f'[[masking.rule]]\ntype = "Document*"\npath = "{path}"\nshow = "{show}"' for path, show in SHOWN]
    return '[masking]\nclear_for = ["admin"]\n' + "\n".join(rules) + "\n"


def _figures(side: str) -> dict[str, float]:
    from django.conf import settings

    from dashboard.gateway import close

    pages, events = _published()
    figures: dict[str, float] = {}
    for who, role in (("rules", "support"), ("clear", "admin"), ("nothing", "viewer")):
        if side == "before" and who == "rules":
            continue
        if side == "now" and who == "nothing":
            import msgspec

            settings.EVENTDESK = msgspec.structs.replace(settings.EVENTDESK, masking=type(settings.EVENTDESK.masking)())
        figures |= {f"{name}_{who}": value for name, value in _of(role, pages, events).items()}
    close()
    return figures


def _of(role: str, url: str, events: list[Any]) -> dict[str, float]:
    from django.test import Client

    from dashboard.models import Person
    from dashboard.privacy import profile_of
    from dashboard.rendering import build_line, event_as_json, render_row
    from eventstore.streams import Row

    person = Person.objects.create_user(username=role, password="not-asked-for-here", role=role)
    browser = Client(SERVER_NAME="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(person)
    profile = profile_of(person)
    rows = [Row(position=event.position, event=event) for event in events]

    def page() -> None:
        answer = browser.get(url, secure=True)
        if answer.status_code != 200 or b"data-own=" not in answer.content:
            raise SystemExit(f"a page came with status {answer.status_code}")

    return {
        "page": 1_000 * _median(page, PAGES),
        "json": 1_000_000 / len(events) * _median(lambda: [event_as_json(event, profile) for event in events], TIMES),
        "rows": 1_000_000 / len(events) * _median(lambda: [render_row(build_line(row, profile)) for row in rows], TIMES),
    }


def _median(work: Callable[[], object], times: int) -> float:
    work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def _published() -> tuple[str, list[Any]]:
    """Publish and index the events of one aggregate; return its address, and the events."""
    from django.urls import reverse

    from dashboard.gateway import desk
    from eventstore.envelope import read_event
    from eventstore.index.indexer.run import Following, index_until_caught_up
    from eventstore.model import NewMessage

    here = desk()
    here.log.create_topic("documents", partitions=1)
    messages = []
    for number in range(EVENTS):
        properties = {
            "ce_specversion": "1.0", "ce_id": f"e-{number}", "ce_type": "DocumentUploaded", "ce_source": "/documents",
            "ce_time": f"2026-05-01T09:{number:02}:00Z", "ce_aggregatetype": "patient", "ce_aggregateid": "4711",
        }  # fmt: skip
        messages.append(
            NewMessage(payload=json.dumps(PAYLOAD | {"number": number}).encode(), key="4711", properties=properties)
        )
    here.log.append("documents", messages)
    quiet = Following(
        storage=here.store, config=here.config, stop=threading.Event(), on_batch=lambda topic, partition, events: None
    )
    index_until_caught_up(quiet)
    found = here.log.read_forward("documents", 0, limit=EVENTS)
    return reverse("aggregate", args=["patient", "4711"]), [read_event(one) for one in found]


if __name__ == "__main__":
    main(sys.argv[1])
