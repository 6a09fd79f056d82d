"""What somebody does who has a Pulsar broker with nothing in it and has never seen Eventdesk."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fault.serving import ROOT, Serving, demo_environment
from tests.namespaces import Broker, own_namespace

PATIENCE = 60.0
"""Seconds from the login page to the customer's history."""


@pytest.mark.soak
@pytest.mark.broker
def test_from_an_empty_broker_to_the_first_customer_in_a_minute_with_no_command_to_correct(
    pulsar_broker: Broker, tmp_path: Path, context: BrowserContext
) -> None:
    with Serving(demo_environment(tmp_path, **own_namespace(pulsar_broker))) as serving:
        serving.until_ready()
        began = time.monotonic()
        page = context.new_page()
        log_in(page, serving)
        notice = page.locator("[data-notice='no-topics']")
        expect(notice).to_contain_text("Connected to Pulsar")
        paste(notice.locator("pre").inner_text().splitlines()[0])
        find(page, "4711", until=began + PATIENCE)
        expect(page.locator("[data-event-id]").first).to_be_visible()
        took = time.monotonic() - began
    print(f"{took:.1f} s from the login page to the customer's history")  # noqa: T201
    assert took < PATIENCE


def log_in(page: Page, serving: Serving) -> None:
    name, password, _ = next(line for line in serving.logins if line.endswith(" support")).split()
    page.goto(f"http://127.0.0.1:{serving.port}/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def paste(command: str) -> None:
    """Run what the page prints in another terminal, in the project's folder, which knows nothing of the desk."""
    terminal = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=terminal, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def find(page: Page, customer: str, *, until: float) -> None:
    """Search until the index has the customer. An id that only one aggregate has leads to its page."""
    found = page.locator(f"[data-aggregate-id='{customer}'] a")
    history = page.get_by_role("heading", level=1).filter(has_text="Patient")
    while time.monotonic() < until:
        with page.expect_navigation():
            page.get_by_role("searchbox", name="Find an").fill(customer)
            page.get_by_role("searchbox", name="Find an").press("Enter")
        if history.count():
            return
        if found.count():
            found.first.click()
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"{customer} was not found within {PATIENCE:.0f} s of the login page")
