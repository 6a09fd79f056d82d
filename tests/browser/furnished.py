"""A desk that has something to show on every page: documents, anomalies, copies, dead letters, a subscription, and a foreign
log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.addresses import JOB
from tests.browser.foreign_log import foreign_log
from tests.browser.login_form import PEOPLE
from tests.desk_process import Desk


@contextmanager
def furnished_desk(folder: Path) -> Iterator[Desk]:
    """Served and indexed until the block ends, with everything indexed that ``tests.browser.addresses`` shows."""
    with Desk(folder, people=PEOPLE) as running:
        running.manage("import_events", "-", "--topic", "documents", stdin=documents())
        running.manage("import_events", "-", "--topic", "loans", stdin=b"".join(foreign_log(4)))
        planting = running.spawn("planting", "-m", "tests.browser.planting", "orders", "documents")
        assert planting.wait(timeout=60) == 0
        running.processes.pop("planting")
        planting = running.spawn("planting a job", "-m", "tests.fault.counting_worker", "plant", str(folder), JOB)
        assert planting.wait(timeout=60) == 0
        running.processes.pop("planting a job")
        planting = running.spawn("planting a replay", "-m", "tests.browser.planting_replay")
        assert planting.wait(timeout=60) == 0
        running.processes.pop("planting a replay")
        running.manage("run_index", "--until-caught-up")
        process = running.spawn("projection", "-m", "tests.browser.projection", "documents", "app-timeline", "3")
        assert process.wait(timeout=60) == 0
        running.processes.pop("projection")
        yield running


def documents() -> bytes:
    lines = []
    for number in range(8):
        document = {
            "specversion": "1.0",
            "id": f"e{number}",
            "type": "DocumentUploaded" if number % 2 else "com.example.events.document.shared",
            "source": "/documents",
            "time": f"2026-03-0{number + 1}T10:00:00Z",
            "aggregatetype": "document",
            "aggregateid": f"d{number % 2}",
            "correlationid": "c-1",
            "causationid": f"e{number - 1}" if number else "e0",
            "data": {"practice": "88-12", "pages": number, "nested": {"list": [1, 2.50, None, True]}},
        }
        lines.append(json.dumps(document).encode() + b"\n")
    return b"".join(lines)
