"""What publishers may write, in every field that the desk lists, in real Chromium: text, under a policy that runs nothing.

The pages are rendered first. Chromium gets them, with their headers, in place of a server's answers, so that also what only a
broker tells (a client's version, a schema) can be hostile.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Page, Route

from dashboard.rendering.url_segments import segment
from eventstore.model.subscriptions import ConnectedConsumer, SubscriptionType
from eventstore.model.topic_details import FunctionError, Told
from tests import hostile
from tests.browser.conftest import running_chromium
from tests.browser.test_hostile import assert_harmless, watch_for_harm
from tests.desk_template import ROOT
from tests.web.desk import Desk, attribute, opened_desk
from tests.web.test_topic_details import NOW, TOLD

TOPIC, SUBSCRIPTION = hostile.SCRIPT, hostile.IMAGE
HOST = "https://testserver"
Answers = dict[str, tuple[int, dict[str, str], bytes]]
HOSTILE = (hostile.SCRIPT, hostile.IMAGE, "javascript:window.hacked=1", "right\u202eto left")
LINKS = "(all) => all.map((one) => one.getAttribute('href') || one.getAttribute('action') || '')"


@pytest.fixture
def desk(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Events, a topic, a subscription, consumers, producers and schemas whose every name is hostile."""
    with opened_desk() as opened:
        opened.log.create_topic(TOPIC)
        opened.log.append(TOPIC, hostile.messages())
        opened.index()
        opened.subscribe(SUBSCRIPTION, topic=TOPIC)
        monkeypatch.setattr(type(opened.faces.store), "details", _Told())
        monkeypatch.setattr(ConnectedConsumer, "client", property(lambda one: hostile.SCRIPT, lambda one, value: None))
        yield opened


class _Told:
    def of(self, topic: str) -> Any:
        assert TOLD.traffic.value and TOLD.schemas.value and TOLD.functions.value
        producer = replace(TOLD.traffic.value.producers[0], name=hostile.IMAGE, client=hostile.SCRIPT, address=hostile.IMAGE)
        schema = replace(TOLD.schemas.value[0], kind=hostile.SCRIPT)
        error = FunctionError(at=NOW, text=hostile.IMAGE)
        function = replace(TOLD.functions.value.functions[0], name=hostile.SCRIPT, errors=[error])
        return replace(
            TOLD,
            traffic=Told(value=replace(TOLD.traffic.value, producers=[producer])),
            schemas=Told(value=[schema]),
            functions=Told(value=replace(TOLD.functions.value, functions=[function])),
        )


def rendered(desk: Desk) -> Answers:
    """The pages that list any of it, and what they load."""
    client, answers = desk.client("admin"), Answers()
    topic = f"/topics/{segment(TOPIC)}/"
    pages = ["/", "/topics/", topic, f"{topic}details/", "/subscriptions/", "/aggregates/", "/anomalies/"]
    pages += [f"{topic}subscriptions/{segment(SUBSCRIPTION)}/", f"{topic}subscriptions/{segment(SUBSCRIPTION)}/waiting/"]
    pages += [f"/aggregates/{segment(name)}/{segment(name)}/" for name in HOSTILE]
    pages += [
        f"/aggregates/{segment(hostile.SCRIPT)}/",
        f"/events/{segment(hostile.SCRIPT)}/",
        f"/events/{segment('payload scripts')}/",
    ]
    pages += [f"{topic}?filter=zzz", "/masking/?topic=" + "%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E"]
    with desk.subscriptions.consume(TOPIC, SUBSCRIPTION, type=SubscriptionType.SHARED, consumer=hostile.IMAGE):
        for page in pages:
            _keep(client, page, answers)
    for script in (ROOT / "dashboard/static/dashboard").glob("*.js"):
        _keep(client, f"/static/dashboard/{script.name}", answers)
    for page in pages:
        for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', answers[page][2].decode()):
            _keep(client, file, answers)
    assert not [(url, status) for url, (status, _, _) in answers.items() if status not in (200, 404)]
    return answers


def _keep(client: Client, url: str, answers: Answers) -> None:
    if url not in answers:
        answer: Any = client.get(url)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        answers[url] = (answer.status_code, dict(answer.headers), body)


def serve(page: Page, answers: Answers) -> None:
    def answer(route: Route) -> None:
        split = urlsplit(route.request.url)
        known = answers.get(f"{split.path}?{split.query}" if split.query else split.path)
        status, headers, body = known or (204, {}, b"")
        route.fulfill(status=status, headers=headers, body=body)

    page.route("**/*", answer)


@pytest.mark.browser
def test_stored_xss_from_broker_data(desk: Desk) -> None:
    answers = rendered(desk)
    pages = [url for url, (_, headers, _) in answers.items() if headers.get("Content-Type", "").startswith("text/html")]
    assert len(pages) > 12
    seen: dict[str, str] = {}
    with running_chromium() as chromium:
        page = chromium.new_page()
        harm: list[str] = []
        watch_for_harm(page, harm)
        serve(page, answers)
        for url in pages:
            page.goto(HOST + url)
            assert_harmless(page, harm)
            seen[url] = page.inner_text("main")
            links = page.eval_on_selector_all("a, form, area, iframe, object, embed", LINKS)
            assert not [link for link in links if link.strip().lower().startswith(("javascript:", "data:", "vbscript:"))], url
            assert "\u202e" not in seen[url], "what changes the direction of writing is spelled out"
    assert all("unsafe" not in answers[url][1]["Content-Security-Policy"] for url in pages)
    topic = f"/topics/{segment(TOPIC)}/"
    for url in (topic, f"{topic}details/", f"{topic}subscriptions/{segment(SUBSCRIPTION)}/", "/topics/", "/subscriptions/"):
        assert "script>" in seen[url], f"{url} shows it as the text that it is"
    assert "onerror" in seen[f"{topic}details/"]
    assert attribute(_Body(answers[topic][2]), "data-position")


class _Body:
    def __init__(self, content: bytes) -> None:
        self.content = content
