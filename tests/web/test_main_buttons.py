"""Each page has one main button or none, in the same place: last among the actions of its head, or at the end of its form."""

import re
from urllib.parse import quote

import pytest
from django.test import Client

from dashboard.rendering.url_segments import segment
from eventstore.model.events import NewMessage
from tests.web.desk import Desk

SUBSCRIPTION = "/topics/patients/subscriptions/mailer/"
MAIN = {
    "/": "",
    "/aggregates/": "",
    "/aggregates/patient/": "",
    "/aggregates/patient/4711/": "Watch live",
    "/aggregates/?q=nothing-like-it": "",
    "/topics/": "Watch several live",
    "/topics/patients/": "Watch live",
    "/topics/patients/tail/": "Pause space",
    "/tail/": "Watch live",
    "/events/e-1/": "Show in history",
    "/subscriptions/": "",
    SUBSCRIPTION: "Reset cursor…",
    f"{SUBSCRIPTION}cursor-resets/new/": "Preview…",
    f"{SUBSCRIPTION}cursor-resets/new/?to=earliest": "Reset mailer: 2 events redelivered",
    f"{SUBSCRIPTION}cursor-resets/new/?to=latest": "Reset mailer: 3 events never delivered",
    "/jobs/": "",
    f"{SUBSCRIPTION}dead-letters/": "",
    "/audit/": "Verify the chain",
    "/anomalies/": "",
    "/anomalies/sequence-skips/": "",
    "/index/": "",
    "/topics/nowhere/": "All topics",
}
"""What the main button of each page says; empty where the page has no action, or one for each of its lines."""


def main_buttons(body: str) -> list[str]:
    found = re.findall(r'<(a|button)\b[^>]*class="[^"]*\bbutton-(?:main|act)\b[^"]*"[^>]*>(.*?)</\1>', body, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", "", inner).split()) for _, inner in found]


def test_each_page_has_the_one_that_it_should_have(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    seen = {path: main_buttons(desk.get(path).content.decode()) for path in MAIN}
    assert seen == {path: [words] if words else [] for path, words in MAIN.items()}
    assert main_buttons(Client().get("/login/").content.decode()) == ["Log in"]


def test_an_event_of_no_aggregate_is_shown_in_its_topic(desk: Desk) -> None:
    desk.publish(1)
    [position] = desk.log.append("patients", [NewMessage(payload=b"no envelope", properties={"ce_id": "lost"})])
    page = desk.get(f"/events/{segment(position.encode())}/?at={quote(position.encode())}").content.decode()
    assert main_buttons(page) == ["Show in topic"]


@pytest.mark.parametrize("path", [path for path, words in MAIN.items() if words])
def test_it_is_the_last_of_its_head_or_the_first_of_its_forms_end(desk: Desk, path: str) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    body = desk.get(path).content.decode()
    head = re.search(r'class="actions"[^>]*>(.*?)</(?:div|form)>', body, re.DOTALL)
    if head and head[1].strip():
        *others, last = re.findall(r'class="(button[^"]*)"', head[1])
        assert last == "button button-main"
        assert "button button-main" not in others
    else:
        assert body.count("button-main") + body.count("button-act") == 1


def test_a_viewer_who_may_not_reset_has_no_button_for_it(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    assert main_buttons(desk.get(SUBSCRIPTION, "viewer").content.decode()) == []
