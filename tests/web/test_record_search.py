"""The record is searched by ticket, reason, time and job as well, a page at a time; and the page tells of seals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from dashboard.auditing import acts as searching
from dashboard.auditing import noted
from dashboard.auditing.seals.file import appending
from dashboard.auditing.seals.marks import Seal, seal_text
from eventstore.actions import Actor, Resource, subscription_resource
from tests.unit.auditing.helpers import sql
from tests.unit.auditing.sealed import everything, key_in, put, seal_of, tampered
from tests.web.desk import Desk, attribute, opened_desk, text

MAILER = subscription_resource("patients", "mailer")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def note(actor: str = "anna", on: Resource = MAILER, **details: Any) -> str:
    return noted(Actor(name=actor), "reset_cursor", on, details)


def shown(desk: Desk, query: str) -> list[str]:
    return attribute(desk.get(f"/audit/?{query}"), "data-actor")


def test_a_ticket_is_found_as_it_was_given_in_upper_or_lower_case(desk: Desk) -> None:
    note("anna", ticket="SUP-8812")
    note("ben", ticket="sup-8812")
    note("carl", ticket="SUP-88120")
    assert shown(desk, "ticket=SUP-8812") == shown(desk, "ticket=sup-8812") == ["ben", "anna"]
    assert shown(desk, "ticket=SUP") == []
    assert shown(desk, "ticket=SUP-8812&actor=anna") == ["anna"]


def test_acts_of_a_time_are_found_and_its_end_is_not_part_of_it(desk: Desk) -> None:
    note("anna")
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert shown(desk, f"since={now - hour:%Y-%m-%dT%H:%M:%S}&until={now + hour:%Y-%m-%dT%H:%M:%S}") == ["anna"]
    assert shown(desk, f"until={now - hour:%Y-%m-%dT%H:%M}") == shown(desk, f"since={now + hour:%Y-%m-%dT%H:%M}") == []
    body = desk.get("/audit/?since=2026-01-02T03:04").content.decode()
    assert 'value="2026-01-02T03:04:00"' in body


def test_a_text_is_looked_for_page_by_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LOOKED_THROUGH", 10)
    note("anna", reason="the lost mail")
    for _ in range(25):
        note("ben", reason="other")
    seen, query, pages = [], "text=lost", 0
    while query:
        answer = desk.get(f"/audit/?{query}")
        seen += attribute(answer, "data-actor")
        pages += 1
        older = [href for href in attribute(answer, "href") if "before=" in href]
        assert bool(older) == ("Looked through the entries back to" in text(answer))
        query = older[0].removeprefix("?") if older else ""
    assert (seen, pages) == (["anna"], 3)


def test_the_page_says_what_it_knows_of_seals(desk: Desk, tmp_path: Path) -> None:
    note()
    assert attribute(desk.get("/audit/"), "data-seals") == ["none"]
    key = key_in(tmp_path)
    with override_settings(EVENTDESK_SEAL_KEY=str(tmp_path / "seal.key"), EVENTDESK_SEALS=str(tmp_path / "s")):
        assert attribute(desk.get("/audit/"), "data-seals") == ["missing"]
        for time, state in ((datetime(2026, 1, 1, tzinfo=UTC), "late"), (datetime.now(UTC), "current")):
            with appending(tmp_path / "s") as file:
                file.add(seal_text(Seal(size=1, root=seal_of(everything()).root, time=time), key))
            assert attribute(desk.get("/audit/"), "data-seals") == [state]
        assert "Those up to 1 are what the last seal counted" in text(desk.get("/audit/?verify=1"))
        (tmp_path / "seal.key.pub").write_text("nonsense")
        assert attribute(desk.get("/audit/"), "data-seals") == ["unreadable"]


def test_the_page_finds_a_chain_that_was_computed_anew(desk: Desk, tmp_path: Path) -> None:
    for _ in range(4):
        note()
    key = key_in(tmp_path)
    with appending(tmp_path / "s") as file:
        file.add(seal_text(seal_of(everything()), key))
    put(tampered("changed, chain anew", everything(), 2))
    assert attribute(desk.get("/audit/?verify=1"), "data-chain") == ["whole"]
    with override_settings(EVENTDESK_SEAL_KEY=str(tmp_path / "seal.key"), EVENTDESK_SEALS=str(tmp_path / "s")):
        answer = desk.get("/audit/?verify=1")
        assert attribute(answer, "data-chain") == ["broken"]
        assert "entries 1 to 4 are not what the seal of 2026-11-30 12:00:00 UTC counted" in text(answer)
        sql("DELETE FROM dashboard_auditentry WHERE number > 3")
        sql("UPDATE dashboard_audithead SET number = 3, hash = (SELECT hash FROM dashboard_auditentry WHERE number = 3)")
        assert "broken at entry 4: entry 4 is missing" in text(desk.get("/audit/?verify=1"))
