"""The tail through an incident: the broker restarted, the network to it cut, the web server killed, the viewers' own network
cut, while numbered events are published all the time. Afterwards what the page took and what a script got are what was
published: neither gap nor double."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from dashboard.rendering.url_segments import segment
from eventstore.drivers.pulsar.storage import PulsarStorage
from scripts.local_pulsar import LocalPulsar
from scripts.ports import LOOPBACK, free_port
from tests.broker.steady_publisher import SteadyPublisher
from tests.broker_fixture import started
from tests.desk_process import Desk
from tests.people import PASSWORD
from tests.relay import Relay

pytestmark = [pytest.mark.broker, pytest.mark.browser]
COUNTS = "#tail-counts"
SILENCE = 15.0
"""Seconds without a frame after which a script gives up its connection. A frame comes every five seconds."""
BACK_WITHIN = 120_000
"""Milliseconds; a broker takes a while to find its topics again on a busy machine."""

# What the page took: it acknowledges a frame right after it has dealt with it, and no frame that it ignores.
NOTE_WHAT_IS_TAKEN = """
window.taken = [];
const send = WebSocket.prototype.send;
const Original = WebSocket;
window.WebSocket = class extends Original {
  constructor(...given) {
    super(...given);
    this.frames = new Map();
    this.addEventListener("message", (message) => {
      const said = JSON.parse(message.data);
      if (said.frame) this.frames.set(said.frame, said.rows);
    });
  }
  send(text) {
    const said = JSON.parse(text);
    if (said.ack) {
      for (const [, id] of this.frames.get(said.ack).matchAll(/data-event-id="e(\\d+)"/g)) taken.push(Number(id));
      this.frames.delete(said.ack);
    }
    super.send(text);
  }
};
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A desk whose connections to the broker and to its clients can be cut."""

    broker: LocalPulsar
    desk: Desk
    to_broker: Relay
    to_admin: Relay
    to_desk: Relay
    token: str

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.to_desk.port}/"

    def storage(self) -> PulsarStorage:
        return PulsarStorage(service_url=self.broker.service_url, admin_url=self.broker.admin_url)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    port, web_port = free_port(), free_port()
    with ExitStack() as stack:
        to_broker, to_admin = (stack.enter_context(Relay(to)) for to in (port, web_port))
        data = tmp_path_factory.mktemp("pulsar")
        broker = started(data, port=port, web_port=web_port, told_to_clients=to_broker.port, deduplicates=True)
        stack.callback(broker.stop)
        addresses = {
            "EVENTSTORE_URL": f"pulsar://{LOOPBACK}:{to_broker.port}",
            "PULSAR_ADMIN_URL": f"http://{LOOPBACK}:{to_admin.port}",
        }
        desk = stack.enter_context(Desk(tmp_path_factory.mktemp("desk"), addresses, people=("support",)))
        token = desk.manage("create_token", "script", "--role", "support", "--days", "1").stdout.decode().split()[-1]
        to_desk = stack.enter_context(Relay(desk.port))
        yield Scene(broker=broker, desk=desk, to_broker=to_broker, to_admin=to_admin, to_desk=to_desk, token=token)


class Script(threading.Thread):
    """A client of ``eventdesk.json`` as docs/tail-for-scripts.md has it: it keeps its places, and comes back with them."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(name="script", daemon=True)
        self.url, self.token = url, token
        self.numbers: list[int] = []
        self.skipped: list[dict[str, int | None]] = []
        self.connections = 0
        self.begun, self.over = threading.Event(), threading.Event()
        self._places: dict[str, str] = {}
        self._counts: dict[str, Any] = {}

    def run(self) -> None:
        asyncio.run(self._come_back_until_over())

    async def _come_back_until_over(self) -> None:
        while not self.over.is_set():
            try:
                await self._follow()
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(0.5)
            self._note_skipped()

    async def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        subprotocols: Any = ["eventdesk.json"]
        async with connect(
            self.url,
            additional_headers=headers,
            subprotocols=subprotocols,
            max_size=None,
            open_timeout=SILENCE,
            close_timeout=1,
        ) as socket:
            self.connections += 1
            begin = {"from": {"places": self._places} if self._places else "now"}
            await socket.send(json.dumps({"begin": begin}))
            while not self.over.is_set():
                said = json.loads(await asyncio.wait_for(socket.recv(), SILENCE))
                if "problem" in said:
                    continue  # why the socket is about to be closed
                self.numbers += [event["data"]["n"] for event in said["events"]]
                self._places |= said["places"]
                self._counts = said["counts"]
                await socket.send(json.dumps({"ack": said["frame"], "mark": said["mark"]}))
                self.begun.set()

    def _note_skipped(self) -> None:
        if self._counts:
            self.skipped.append(self._counts["skipped"])


@pytest.mark.parametrize(
    ("total", "rate", "silent", "partitions"),
    [
        pytest.param(600, 20, 3, 1, marks=[pytest.mark.soak, pytest.mark.timeout(600)], id="short"),
        pytest.param(10_000, 60, 10, 3, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)], id="long"),
    ],
)
def test_neither_gap_nor_double_whatever_goes_down(
    scene: Scene, chromium: Browser, total: int, rate: int, silent: int, partitions: int
) -> None:
    topic = f"public/default/incident-{partitions}"
    tail = f"{scene.url}topics/{segment(topic)}/tail/"
    with closing(scene.storage()) as storage:
        storage.log.create_topic(topic, partitions=partitions)
    page = _page_that_watches(scene, chromium, f"{tail}?from=now")
    script = Script(f"{tail}live/".replace("http:", "ws:"), scene.token)
    script.start()
    assert script.begun.wait(SILENCE)

    with SteadyPublisher(scene.broker.service_url, topic, rate=rate) as publisher:
        _goes_on(page, script, publisher)
        _broker_restarted(scene, page)
        _goes_on(page, script, publisher)
        _cut(silent, scene.to_broker, scene.to_admin)
        _goes_on(page, script, publisher)
        _cut_for_good(silent, scene.to_broker, scene.to_admin)
        _goes_on(page, script, publisher)
        _web_server_killed(scene, page)
        _goes_on(page, script, publisher)
        _cut_for_good(2 * silent, scene.to_desk)  # in the long run the page finds by itself that nothing comes
        _goes_on(page, script, publisher)
        published = publisher.stop(at_least=total)

    expect(page.locator("#tail-counts")).to_have_attribute("data-published", str(published), timeout=BACK_WITHIN)
    _until(lambda: len(script.numbers) >= published, "the script has everything")
    page.wait_for_timeout(1_000)  # what comes twice may come late
    script.over.set()
    script.join()
    _assert_complete(script, published, in_order=partitions == 1)
    _assert_accounted_for(page, published, in_order=partitions == 1)


def _assert_complete(script: Script, published: int, *, in_order: bool) -> None:
    numbers = script.numbers if in_order else sorted(script.numbers)
    assert numbers == list(range(published)), _first_fault(numbers)
    assert script.connections >= 3, "it was to lose its connection twice"
    assert {(said["sampled"], said["slow"], said["older"]) for said in script.skipped} == {(0, 0, 0)}


def _assert_accounted_for(page: Page, published: int, *, in_order: bool) -> None:
    """A burst after an outage is sampled. The page says exactly how much it skipped, and nothing is lost."""
    taken: list[int] = page.evaluate("taken")
    numbers = taken if in_order else sorted(taken)
    assert numbers == sorted(set(taken)), _first_fault(numbers)
    counts = {name: int(value) for name, value in page.eval_on_selector(COUNTS, "(line) => ({...line.dataset})").items()}
    assert counts["published"] == counts["matched"] == published
    assert counts["sampled"] + counts["slow"] == published - len(taken), (counts, len(taken))
    assert counts["older"] == 0
    expect(page.locator("#tail-gone")).to_be_hidden()
    shown = page.locator("#tail-rows tr")
    expect(shown).to_have_count(min(500, len(taken)), timeout=BACK_WITHIN)  # it builds eight a frame once it is quiet
    in_sight = shown.evaluate_all("(rows) => rows.map((row) => Number(row.dataset.eventId.slice(1)))")
    assert in_sight == taken[: -len(in_sight) - 1 : -1]
    print(f"{published:,} events, of which the page took {len(taken):,}; {counts}")  # noqa: T201


def _page_that_watches(scene: Scene, chromium: Browser, address: str) -> Page:
    page = chromium.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.add_init_script(NOTE_WHAT_IS_TAKEN)
    page.goto(scene.url)
    page.get_by_label("Name").fill("support")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(scene.url)
    page.goto(address)
    _expect_state(page, "live")
    return page


def _expect_state(page: Page, state: str) -> None:
    expect(page.locator("#tail-state")).to_have_attribute("data-state", state, timeout=BACK_WITHIN)


def _goes_on(page: Page, script: Script, publisher: SteadyPublisher) -> None:
    """Both receive again what is published from now on."""
    now = publisher.sent
    page.wait_for_function("(now) => taken.at(-1) > now", arg=now, timeout=BACK_WITHIN)
    _until(lambda: bool(script.numbers) and script.numbers[-1] > now, "the script goes on")
    _expect_state(page, "live")


def _broker_restarted(scene: Scene, page: Page) -> None:
    scene.broker.stop()
    _expect_state(page, "away")
    scene.broker.start()


def _web_server_killed(scene: Scene, page: Page) -> None:
    scene.desk.end("web", signal.SIGKILL)
    _expect_state(page, "away")
    scene.desk.start_web()


def _cut(seconds: int, *relays: Relay) -> None:
    """Let nothing through for this long. The same connections continue afterwards."""
    for relay in relays:
        relay.cut()
    time.sleep(seconds)
    for relay in relays:
        relay.mend()


def _cut_for_good(seconds: int, *relays: Relay) -> None:
    """Let nothing through for this long, and end every connection."""
    for relay in relays:
        relay.cut()
    time.sleep(seconds)
    for relay in relays:
        relay.sever()
        relay.mend()


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + BACK_WITHIN / 1000
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


def _first_fault(numbers: list[int]) -> str:
    for before, number in pairwise(numbers):
        if number != before + 1:
            return f"{number} came behind {before}"
    return f"it ends with {numbers[-1]}"
