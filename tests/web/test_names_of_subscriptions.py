"""A subscription may have any name that its store takes, even one that cannot be printed: its pages open."""

from collections.abc import Iterator

import pytest
from django.urls import reverse

from dashboard.auditing.chain import DatabaseRecord
from eventstore.actions import Actor, subscription_resource
from tests.web.desk import TOPIC, Desk, attribute, opened_desk, text
from tests.web.resetting import preview_url

UNPRINTABLE = ["nul\0", "line\nbreak", "tab\t", "\x7f", "\x1b[31m", "a/b", "per%2Fcent", "%00", "\u202eright-to-left"]


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(1)
        yield opened


def test_each_of_its_pages_asks_the_store_for_it_by_its_name(desk: Desk) -> None:
    for name in UNPRINTABLE:
        for url in (reverse("subscription", args=[TOPIC, name]), preview_url("earliest", name)):
            answer = desk.get(url)
            assert answer.status_code == 404, url
            assert f"has no subscription {name!r}" in text(answer), url


def test_no_other_name_holds_a_nul_and_nothing_half_of_a_character(desk: Desk) -> None:
    bad = [
        reverse("subscription", args=["nul\0", "mailer"]),
        reverse("subscription", args=[TOPIC, "half \ud83e"]),
        reverse("aggregate", args=["nul\0", "4711"]),
        reverse("event", args=["nul\0"]),
        reverse("subscription", args=[TOPIC, "nul\0"]) + "?x=%00",
    ]
    for url in bad:
        answer = desk.get(url)
        assert answer.status_code == 404, url
        assert "has no subscription" not in text(answer), url


def test_an_act_on_one_leads_to_it(desk: Desk) -> None:
    for name in ("nul\0", "x" * 600):
        record = DatabaseRecord()
        record.intended(Actor(name="anna"), "reset_cursor", subscription_resource(TOPIC, name), {"subscription": name})
        assert reverse("subscription", args=[TOPIC, name]) in attribute(desk.get("/audit/"), "href")
