"""Replaying one aggregate as a person does: the preview of the dashboard, its form, and a worker in a process of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client
PERSON = "bench"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_READ = re.compile(r'name="read" value="([^"]*)"')


def browser() -> "Client":
    """Return a client in which a person of the role support is logged in."""
    from django.test import Client

    from dashboard.models import Person, Role

    found = Client(SERVER_NAME="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    found.force_login(Person.objects.create_user(username=PERSON, password="not-asked-for-here", role=Role.SUPPORT))
    return found


def replay_one(person: "Client", aggregate: str, events: int) -> tuple[float, float]:
    """Replay a document; return the seconds from the click to the page's answer, and to the last receipt."""
    from dashboard.gateway import desk
    from eventstore.actions import Actor

    form = _preview(person, aggregate)
    begun = time.perf_counter()
    answer = person.post("/replays/confirmations/", form, secure=True)
    answered = time.perf_counter() - begun
    if answer.status_code != HTTPStatus.FOUND:
        raise SystemExit(f"the confirmation was answered with status {answer.status_code}")
    job = desk().jobs.get(answer["Location"].strip("/").rpartition("/")[2])
    _await_sent(job.id, events)
    seconds = time.perf_counter() - begun
    desk().jobs.cancel(Actor(name=PERSON, via="page"), job.id, reason="bench")
    while not desk().jobs.get(job.id).state.has_ended:
        time.sleep(0.05)
    return answered, seconds


def _await_sent(id: str, events: int) -> None:
    """Look at the job whenever another process has committed something: to read it all the time would take the processor that
    the worker needs."""
    from django.db import connection

    from dashboard.gateway import desk

    def commits() -> object:
        with connection.cursor() as cursor:
            return cursor.execute("PRAGMA data_version").fetchone()

    while True:
        seen, now = commits(), desk().jobs.get(id)
        if now.progress.done >= events:
            return
        if now.state.has_ended:
            raise SystemExit(f"the replay is {now.state}: {now.problem}")
        while commits() == seen:
            time.sleep(0.002)


def _preview(person: "Client", aggregate: str) -> dict[str, str | list[str]]:
    """Open the preview; return its form, filled in, with a tick at each grave hazard."""
    answer = person.get("/replays/new/", {"type": "document", "id": aggregate}, secure=True)
    page = answer.content.decode()
    found = {name: unescape(text) for name, text in _HIDDEN.findall(page)}
    if answer.status_code != HTTPStatus.OK or "digest" not in found:
        raise SystemExit(f"the preview came with status {answer.status_code} and the form {found}")
    return {**found, "reason": "bench", "ticket": "BENCH-1", "read": _READ.findall(page)}


@contextmanager
def serving() -> Iterator[None]:
    """The index and the worker as ``serve`` runs them, each in a process of its own, once both are there."""
    from dashboard.gateway import desk
    from eventstore.index.lookup import progress

    commands = [[sys.executable, "manage.py", name] for name in ("run_index", "run_jobs")]
    root = Path(__file__).parent.parent
    running = [subprocess.Popen(one, cwd=root, env=os.environ, stdout=subprocess.DEVNULL) for one in commands]
    try:
        while not progress.running_indexers() or not desk().jobs.workers():
            time.sleep(0.05)
        time.sleep(3.0)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
