"""Hostile content, browsed, tailed and opened in real Chromium: nothing is executed, nothing is lost."""

import json
import subprocess
import time

import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Page, expect

from tests import hostile
from tests.browser.conftest import LogIn
from tests.browser.waiting import PATIENCE, until_it_has
from tests.desk_process import Desk

TOPIC = "hostile"
FIRST_LINKS = "(rows, link) => rows.map((row) => row.querySelector(link)?.getAttribute('href'))"


def publish(desk: Desk, topic: str) -> dict[str, list[str]]:
    process = desk.spawn("publishing", "-m", "tests.browser.publishing", topic, stdout=subprocess.PIPE)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, desk.log("publishing")
    found: dict[str, list[str]] = json.loads(output)
    return found


def attributes(page: Page, selector: str, name: str) -> list[str]:
    """This attribute of every such element, in one request: asking for each by itself takes most of a test's time."""
    found = page.eval_on_selector_all(selector, "(all, name) => all.map((one) => one.getAttribute(name))", name)
    return [str(value) for value in found]


def watch_for_harm(page: Page, harm: list[str]) -> None:
    """Everything that the browser reports as an error. Scripts that the policy blocked count as well."""

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            harm.append(message.text)

    def dismiss(dialog: Dialog) -> None:
        harm.append(dialog.message)
        dialog.dismiss()

    page.on("console", complain)
    page.on("pageerror", lambda error: harm.append(str(error)))
    page.on("dialog", dismiss)


def assert_harmless(page: Page, harm: list[str]) -> None:
    assert page.evaluate("window.hacked") is None, page.url
    assert harm == [], page.url


@pytest.mark.parametrize(
    "store_environment",
    [pytest.param("embedded", marks=pytest.mark.soak), pytest.param("pulsar", marks=[pytest.mark.broker, pytest.mark.soak])],
    indirect=True,
)
def test_hostile_content_is_shown_as_what_it_is(desk: Desk, log_in: LogIn) -> None:
    page = log_in(desk, "support")
    harm: list[str] = []
    watch_for_harm(page, harm)
    first = publish(desk, TOPIC)
    expected = set(first["positions"])

    found, event_pages = browse_topic(page, desk)
    assert found == expected, "every message is listed, once"
    for url in event_pages:
        answer = page.goto(url)
        assert answer is not None and answer.status == 200, url
        assert_harmless(page, harm)

    streams_lead_back(page, desk, harm)

    page.goto(f"{desk.url}topics/{TOPIC}/tail/")
    expect(page.locator("#tail-state")).to_contain_text("live")
    again = publish(desk, TOPIC)
    for position in again["positions"]:
        expect(page.locator(f'#tail-rows tr[data-position="{position}"]')).to_have_count(1)
    assert_harmless(page, harm)

    page.goto(f"{desk.url}subscriptions/")
    shown = set(attributes(page, "tr[data-subscription]", "data-subscription"))
    assert shown == set(first["subscriptions"])
    assert hostile.SCRIPT in shown
    for link in attributes(page, "tr[data-subscription] a", "href"):
        answer = page.goto(desk.url.rstrip("/") + link)
        assert answer is not None and answer.status == 200, link
        assert_harmless(page, harm)

    hostile_topics_are_topics_like_any_other(page, desk, harm)


def hostile_topics_are_topics_like_any_other(page: Page, desk: Desk, harm: list[str]) -> None:
    """Find the topics in the list, watch them live, browse them, and open their events. One tail watches all, to save time."""
    first = publish_into_topics(desk)
    assert len(first) >= len([name for name in hostile.TOPICS if "<" not in name]), "every store admits these"
    links = links_of_topics(page, desk, set(first))
    tails = {name: page.context.new_page() for name in first}
    for name, tail in tails.items():
        tail.set_default_timeout(20_000)
        watch_for_harm(tail, harm)
        tail.goto(links[name] + "tail/")
        expect(tail.locator("#tail-state")).to_contain_text("live")
    second = publish_into_topics(desk)
    for name, tail in tails.items():
        expect(tail.locator(f"#tail-rows tr[data-position={quoted(second[name])}]")).to_have_count(1)
        assert_harmless(tail, harm)
        tail.close()
    for name, link in links.items():
        page.goto(link)
        assert set(attributes(page, "tr[data-position]", "data-position")) == {first[name], second[name]}
        answer = page.goto(desk.url.rstrip("/") + attributes(page, "tr[data-position] a[href*='/events/']", "href")[0])
        assert answer is not None and answer.status == 200, name
        expect(page.locator("main")).to_contain_text("window.hacked")
        assert_harmless(page, harm)


def quoted(text: str) -> str:
    """The text as a string in a selector."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def publish_into_topics(desk: Desk) -> dict[str, str]:
    """Publish into each hostile topic that the store accepts. Returns the topics' names with the positions."""
    process = desk.spawn("topics", "-m", "tests.browser.hostile_topics", stdout=subprocess.PIPE)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, desk.log("topics")
    found: dict[str, str] = json.loads(output)
    return found


def links_of_topics(page: Page, desk: Desk, wanted: set[str]) -> dict[str, str]:
    """The addresses of these topics' pages, from the list of topics. A broker's list is slightly old."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        page.goto(f"{desk.url}topics/")
        names = attributes(page, "tr[data-topic]", "data-topic")
        if wanted <= set(names):
            links = dict(zip(names, attributes(page, "tr[data-topic] a[data-line]", "href"), strict=True))
            return {name: desk.url.rstrip("/") + links[name] for name in wanted}
        page.wait_for_timeout(250)
    raise AssertionError(f"not listed: {wanted - set(names)}")


def browse_topic(page: Page, desk: Desk) -> tuple[set[str], list[str]]:
    """The positions on all pages of the topic, each once, and the addresses of the events' pages."""
    page.goto(f"{desk.url}topics/{TOPIC}/")
    positions: list[str] = []
    urls: list[str] = []
    while True:
        links = page.eval_on_selector_all("tr[data-position]", FIRST_LINKS, "a[href*='/events/']")
        positions += attributes(page, "tr[data-position]", "data-position")
        urls += [desk.url.rstrip("/") + link for link in links]
        older = page.locator("nav.pager a[rel=next]")
        if older.count() == 0:
            assert len(positions) == len(set(positions))
            return set(positions), urls
        older.click()


def streams_lead_back(page: Page, desk: Desk, harm: list[str]) -> None:
    """Each hostile aggregate has its own page with only its events, and the link beside its event leads there."""
    page.goto(f"{desk.url}topics/{TOPIC}/")
    links: dict[str, str] = {}
    while True:
        names = attributes(page, "tr[data-aggregate-id]", "data-aggregate-id")
        found = page.eval_on_selector_all("tr[data-aggregate-id]", FIRST_LINKS, "a[href*='/aggregates/']")
        links |= {name: link for name, link in zip(names, found, strict=True) if name in hostile.NAMES}
        older = page.locator("nav.pager a[rel=next]")
        if older.count() == 0:
            break
        older.click()
    assert set(links) == set(hostile.NAMES)
    for name, url in links.items():
        address = desk.url.rstrip("/") + url
        until_it_has(page, address)
        page.goto(address)
        assert attributes(page, "[data-event-id][data-version]", "data-event-id") == [name]
        assert_harmless(page, harm)
