"""The demo as a newcomer meets it: nothing is accused but what is planted. ``tests/fault/test_serve.py`` has it explained."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from tests.browser.planted import PLANTED, login
from tests.fault.serving import ROOT, Serving, demo_environment
from tests.logging_in import fill_in

SUBSCRIPTIONS = (
    "documents/subscriptions/app-timeline",
    "patients/subscriptions/search-index",
    "appointments/subscriptions/mailer",
)
CALM = {"healthy", "idle", "catching up", "no consumers"}
"""States of the others. A consumer takes a moment to connect."""
ALARMS = {"stuck", "trimmed", "held-back", "mistake"}
"""What the overview lists of subscriptions."""


@contextmanager
def fresh_demo(data: Path, stuck_after: int) -> Iterator[Serving]:
    """A demo that begins now, with an installation's own limit."""
    config = data / "demo.toml"
    original = (ROOT / "examples" / "demo.toml").read_text(encoding="utf-8")
    config.write_text(re.sub(r"stuck_after_seconds = \d+", f"stuck_after_seconds = {stuck_after}", original), encoding="utf-8")
    with Serving(demo_environment(data, EVENTDESK_CONFIG=str(config))) as serving:
        yield serving.until_ready()


def logged_in(serving: Serving) -> OpenerDirector:
    opener = build_opener(HTTPCookieProcessor())
    name, password = login(serving)
    url = f"http://127.0.0.1:{serving.port}/login/"
    fill_in(opener, url, form=url, fields={"username": name, "password": password})
    return opener


def values(page: str, attribute: str) -> list[str]:
    return re.findall(rf'\b{attribute}="([^"]*)"', page)


def accusations(opener: OpenerDirector, url: str) -> tuple[list[str], bool]:
    """What the pages say against anything but the planted problem, and whether they tell that one."""
    overview = opener.open(url, timeout=30).read().decode()
    items = re.findall(r'<li data-attention="([^"]+)"(?: data-subscription="([^"]+)")?', overview)
    wrong = [f"the overview: {kind} {name}" for kind, name in items if kind in ALARMS and (kind, name) != ("stuck", PLANTED)]
    for path in SUBSCRIPTIONS:
        page = opener.open(f"{url}topics/{path}/", timeout=30).read().decode()
        state = values(page, "data-state")[0]
        found = list(zip(values(page, "data-finding"), values(page, "data-certainty"), strict=True))
        if not path.endswith(PLANTED):
            wrong += [f"{path}: {state}"] if state not in CALM else []
            wrong += [f"{path}: {kind} {sure}" for kind, sure in found]
        elif state not in CALM | {"stuck"} or any(kind != "holds" for kind, _ in found):
            wrong.append(f"{path}: {state} {found}")
    return wrong, ("stuck", PLANTED) in items


@pytest.mark.soak
def test_a_fresh_demo_accuses_nothing_but_what_is_planted_at_any_second_of_its_first_minute(tmp_path: Path) -> None:
    with fresh_demo(tmp_path, stuck_after=20) as serving:
        opener, url = logged_in(serving), f"http://127.0.0.1:{serving.port}/"
        begun, wrong, told = time.monotonic(), list[str](), False
        while (after := time.monotonic() - begun) < 60:
            found, told = accusations(opener, url)
            wrong += [f"after {after:.0f} s: {one}" for one in found]
            time.sleep(max(0.0, 1.0 - (time.monotonic() - begun - after)))
        assert wrong == []
        assert told, "the planted one"
