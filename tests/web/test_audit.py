"""The audit page: who acted, on what, why, with which outcome, and whether the record is unchanged."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.auditing.chain import DatabaseRecord
from eventstore.actions import Actor, Ending, Outcome, Resource, subscription_resource, topic_resource
from tests.web.desk import Desk, attribute, opened_desk, text

AUDIT = "/audit/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


MAILER = subscription_resource("patients", "mailer")


def act(actor: str = "anna", on: Resource = MAILER, action: str = "reset_cursor", **details: Any) -> str:
    """Perform a reset."""
    record = DatabaseRecord()
    written: dict[str, Any] = {
        "topic": "patients",
        "subscription": "mailer",
        "from": {"0": "7:12:0"},
        "to": {"0": "earliest"},
        "events_again": 1204,
        "events_passed_over": 0,
        "consumers": ["worker-7"],
        "reason": "SUP-8812",
    }
    number = record.intended(Actor(name=actor), action, on, {**written, **details})
    record.ended(number, Outcome(ending=Ending.DONE, facts={"events_again": 1204}))
    return number


def test_an_empty_record_says_what_will_be_in_it(desk: Desk) -> None:
    assert "No entries yet" in text(desk.get(AUDIT))


def test_an_act_is_told_in_words(desk: Desk) -> None:
    number = act()
    answer = desk.get(AUDIT)
    seen = text(answer)
    assert "Reset cursor of mailer on patients" in seen
    assert "SUP-8812" in seen
    assert "Frompartition0:7:12:0" in seen.replace(" ", ""), "nobody knows how many partitions the topic has"
    assert "1,204 redelivered, none skipped" in seen
    assert "worker-7" in seen
    assert attribute(answer, "data-state") == ["done"]
    assert f'id="act-{number}"' in answer.content.decode()
    assert f'href="{reverse("subscription", args=["patients", "mailer"])}"' in answer.content.decode()


def test_newest_come_first_and_each_state_has_its_word(desk: Desk) -> None:
    record = DatabaseRecord()
    act("first")
    failed = record.intended(Actor(name="second"), "reset_cursor", MAILER, {})
    record.ended(failed, Outcome(ending=Ending.FAILED, reason="The broker does not answer."))
    record.intended(Actor(name="third"), "publish", topic_resource("s"), {})
    answer = desk.get(AUDIT)
    assert attribute(answer, "data-actor") == ["third", "second", "first"]
    assert attribute(answer, "data-state") == ["intended", "failed", "done"]
    assert "The broker does not answer." in text(answer)
    assert "Begun, and not ended yet" in text(answer)


def test_it_is_filtered_by_person_action_and_what_it_was_done_to(desk: Desk) -> None:
    act("anna")
    act("ben", on=subscription_resource("documents", "search"))
    act("ben", action="publish", on=topic_resource("documents"))

    def shown(query: str) -> list[str]:
        return attribute(desk.get(AUDIT + query), "data-actor")

    assert shown("?actor=anna") == ["anna"]
    assert shown("?action=publish") == ["ben"]
    assert shown("?scope=documents+search") == ["ben"]
    assert shown("?scope=documents") == ["ben", "ben"], "the topic's own acts, and those of its subscriptions"
    assert shown("?scope=document") == shown("?scope=documents+sea") == []
    assert shown("?actor=anna&action=publish") == []
    assert "Nothing fits this filter" in text(desk.get(AUDIT + "?actor=nobody"))


def test_its_reasons_are_searched_whatever_signs_they_hold(desk: Desk) -> None:
    act("anna", reason='SUP-8812: "Müller" was lost \\ twice')
    act("ben", reason="SUP-9000")
    for asked in ("SUP-8812", "sup-8812", '"Müller"', "lost \\ twice"):
        assert attribute(desk.get(AUDIT + "?" + urlencode({"text": asked})), "data-actor") == ["anna"], asked
    assert attribute(desk.get(AUDIT + "?text=SUP"), "data-actor") == ["ben", "anna"]
    for asked in ("%", "SUP_8812", "SUP-1"):
        assert attribute(desk.get(AUDIT + "?" + urlencode({"text": asked})), "data-actor") == [], asked


def test_one_act_has_an_address_of_its_own(desk: Desk) -> None:
    act("anna")
    wanted = act("ben")
    act("carl")
    answer = desk.get(f"{AUDIT}?act={wanted}")
    assert attribute(answer, "data-act") == [wanted]
    assert "No such act" in text(desk.get(f"{AUDIT}?act=00000000-0000-4000-8000-000000000000"))


def test_pages_lead_through_the_whole_record_and_keep_the_filter(desk: Desk) -> None:
    for number in range(120):
        act("anna" if number % 2 else "ben", on=topic_resource(str(number)))
    url, seen = f"{AUDIT}?actor=anna", []
    while url:
        answer = desk.get(url)
        seen += attribute(answer, "data-act")
        assert set(attribute(answer, "data-actor")) == {"anna"}
        older = [href for href in attribute(answer, "href") if "before=" in href]
        url = AUDIT + older[0] if older else ""
    assert len(seen) == len(set(seen)) == 60
    assert seen == [str(found.act) for found in acts(limit=200, actor="anna")]


def test_a_whole_chain_is_said_to_hold_and_how_far(desk: Desk) -> None:
    empty = desk.get(AUDIT + "?verify=1")
    assert attribute(empty, "data-chain") == ["empty"]
    assert "banner-success" not in empty.content.decode(), "somebody may have removed everything"
    act()
    answer = desk.get(AUDIT + "?verify=1")
    assert attribute(answer, "data-chain") == ["whole"]
    assert "Every entry from 1 to 2 stands as it was written" in text(answer)


def test_a_changed_entry_is_found_and_named(desk: Desk) -> None:
    act("anna")
    act("ben")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dashboard_auditentry SET actor = 'carl' WHERE number = 2")
    answer = desk.get(AUDIT + "?verify=1")
    assert attribute(answer, "data-chain") == ["broken"]
    assert "The chain is broken at entry 2: its content was changed after it was written." in text(answer)


def test_verifying_and_reading_write_nothing(desk: Desk) -> None:
    act()
    desk.get(AUDIT + "?verify=1")
    assert len(acts()) == 1
    assert desk.client().post(AUDIT).status_code == 405


@pytest.mark.parametrize("query", ["?before=x", "?before=0", "?before=99999999999999999999999", "?act=nonsense"])
def test_a_damaged_address_is_refused_in_words(desk: Desk, query: str) -> None:
    answer = desk.get(AUDIT + query)
    assert answer.status_code == 400
    assert "This address does not work" in text(answer)


@pytest.mark.parametrize("query", ["?actor=%00", "?scope=%ED%A0%80", "?action=%27%3B--", "?actor=" + "x" * 400])
def test_a_hostile_filter_finds_nothing_and_breaks_nothing(desk: Desk, query: str) -> None:
    act()
    assert desk.get(AUDIT + query).status_code in (200, 400, 404)


def test_only_who_may_reads_it(desk: Desk) -> None:
    act()
    for role in ("support", "approver", "admin"):
        assert desk.get(AUDIT, role).status_code == 200
    for role in ("viewer", ""):
        answer = desk.get(AUDIT, role)
        assert answer.status_code == 403
        assert "SUP-8812" not in answer.content.decode()


def test_what_the_record_holds_is_text(desk: Desk) -> None:
    bad = '"><script>alert(1)</script>\u202e'
    act(bad, on=subscription_resource(bad, bad), subscription=bad, topic=bad, reason=bad, consumers=[bad], to={bad: bad})
    act(bad, on=Resource(kind=bad, name=bad), action=bad, topic="", subscription="", **{bad: bad})
    body = desk.get(AUDIT).content.decode()
    assert "<script>alert" not in body


def test_details_of_any_shape_are_shown(desk: Desk) -> None:
    record = DatabaseRecord()
    for details in ({}, {"from": None, "to": [1, {"a": None}], "events_again": "x"}, {"deep": {"er": {"still": True}}}):
        record.intended(Actor(name="anna"), "reset_cursor", MAILER, details)
    assert len(attribute(desk.get(AUDIT), "data-act")) == 3
