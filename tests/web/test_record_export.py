"""Exports of the record: as entries that can be checked, and as FHIR; filtered, bounded and recorded."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.auditing import noted
from dashboard.auditing.acts import acts
from dashboard.auditing.chain import DatabaseRecord
from dashboard.models import AuditEntry, State
from eventstore.actions import Actor, Ending, Outcome, Resource, subscription_resource
from scripts import check_record
from tests.web.desk import Desk, attribute, opened_desk, text
from tests.web.limits import access, limit

EXPORT = "/audit/export/"
MAILER = subscription_resource("patients", "mailer")
PATIENT = Resource(kind="aggregate", aggregate_type="patient", aggregate_id="4711")
CODES = {"outcome": {"0", "4", "8", "12"}, "action": {"C", "R", "U", "D", "E"}}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def act(actor: str = "anna", on: Resource = MAILER, ending: Ending = Ending.DONE, **details: Any) -> str:
    record = DatabaseRecord()
    number = record.intended(Actor(name=actor), "reset_cursor", on, details)
    record.ended(number, Outcome(ending=ending, facts={"events": 7}))
    return number


def exported(desk: Desk, query: str, role: str = "support") -> list[dict[str, Any]]:
    answer: Any = desk.get(f"{EXPORT}?{query}", role)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_whole_export_can_be_checked_without_the_desk(desk: Desk) -> None:
    for _ in range(4):
        act(reason='Ärger \u2028 \\ "')
    lines = exported(desk, "format=entries")
    assert [line["number"] for line in lines] == list(range(1, 10)), "with the entry of the export itself"
    assert check_record.check(iter(map(json.dumps, lines)), []) == 9


def test_an_export_has_what_the_filter_shows_with_the_ends_of_acts(desk: Desk) -> None:
    act("anna", ticket="SUP-1")
    act("ben", ticket="SUP-2")
    act("anna", ticket="SUP-2", on=PATIENT)
    assert [line["number"] for line in exported(desk, "format=entries&actor=anna&ticket=SUP-2")] == [5, 6]
    assert [line["number"] for line in exported(desk, "format=entries&on=patient-4711")] == [5, 6]
    assert [line["id"] for line in exported(desk, "format=fhir&actor=ben")] == [str(acts(actor="ben")[0].act)]
    assert exported(desk, "format=entries&actor=nobody") == []


def test_an_export_is_recorded_without_what_was_typed(desk: Desk) -> None:
    exported(desk, "format=fhir&on=patient-4711&actor=anna&text=M%C3%BCller")
    (found,) = acts(action="export_record")
    assert (found.actor, found.state, found.details["format"], found.details["acts"]) == ("support", State.DONE, "fhir", 0)
    assert found.details["filter"] == {"actor": "anna", "on": "given", "text": "given"}


def test_pieces_follow_each_other_without_a_gap(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("record.exporting", "auditing.acts"):
        monkeypatch.setattr(f"dashboard.{module}.PIECE", 3)
    for _ in range(8):
        act()
    assert len(exported(desk, "format=fhir&actor=anna")) == 8
    assert [line["number"] for line in exported(desk, "format=entries")] == list(range(1, 19))


def test_what_is_too_much_for_a_file_is_refused_and_not_cut_off(desk: Desk) -> None:
    for _ in range(3):
        act()
    with access(**limit("support", export_rows=2)):
        answer = desk.get(f"{EXPORT}?format=entries")
    assert answer.status_code == 400
    assert "at most 2 acts" in text(answer)
    assert acts(action="export_record") == []


@pytest.mark.parametrize("query", ["", "format=xml", "format=fhir&since=x"])
def test_a_damaged_address_is_refused(desk: Desk, query: str) -> None:
    assert desk.get(f"{EXPORT}?{query}").status_code == 400


def test_only_who_may_read_the_record_exports_it(desk: Desk) -> None:
    assert desk.get(f"{EXPORT}?format=entries", "viewer").status_code == 403


def test_the_page_offers_what_its_filter_shows(desk: Desk) -> None:
    act()
    links = [href for href in attribute(desk.get("/audit/?actor=anna&ticket=SUP-1"), "href") if EXPORT in href]
    assert links == [f"{EXPORT}?actor=anna&ticket=SUP-1&format={format}" for format in ("entries", "fhir")]


# -- FHIR R4: what https://hl7.org/fhir/R4/auditevent.html requires


def _check_coding(coding: dict[str, Any]) -> None:
    assert set(coding) <= {"system", "code", "display"}
    assert re.fullmatch(r"[^\s]+(\s[^\s]+)*", coding["code"])
    assert ":" in coding["system"]


def _check_texts(value: object) -> None:
    """No element is empty, and no text has control characters or spaces around it."""
    if isinstance(value, dict | list):
        assert value
        for part in value.values() if isinstance(value, dict) else value:
            _check_texts(part)
    elif isinstance(value, str):
        assert value == value.strip() != ""
        assert not re.search("[\x00-\x1f]", value)


def check_audit_event(event: dict[str, Any]) -> None:
    required = {"resourceType", "type", "recorded", "agent", "source"}
    known = required | {"id", "subtype", "action", "outcome", "outcomeDesc", "purposeOfEvent", "entity"}
    assert required <= set(event) <= known
    assert event["resourceType"] == "AuditEvent"
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
    assert INSTANT.fullmatch(event["recorded"])
    for name, codes in CODES.items():
        assert event.get(name, min(codes)) in codes
    for coding in (event["type"], *event["subtype"], *event["source"]["type"], *(each["type"] for each in event["entity"])):
        _check_coding(coding)
    for agent in event["agent"]:
        assert isinstance(agent["requestor"], bool)
    assert event["source"]["observer"]
    for entity in event["entity"]:
        assert not {"name", "query"} <= set(entity)
        assert all(set(detail) == {"type", "valueString"} for detail in entity.get("detail", []))
    _check_texts(event)


@pytest.mark.parametrize(
    ("action", "type", "details"),
    [
        ("look", "110100", {}),
        ("search_masked", "110112", {}),
        ("reveal", "110100", {"from": "203.0.113.7"}),
        ("emergency_reveal", "110100", {"from": "203.0.113.7"}),
        ("export_payload", "110106", {"address": "203.0.113.7"}),
    ],
)
def test_what_shows_something_is_a_read_with_the_address_that_is_known(
    desk: Desk, action: str, type: str, details: dict[str, str]
) -> None:
    noted(Actor(name="anna"), action, PATIENT, details)
    (event,) = exported(desk, f"format=fhir&action={action}")
    check_audit_event(event)
    assert (event["action"], event["type"]["code"]) == ("R", type)
    assert event["agent"][0].get("network") == ({"address": "203.0.113.7", "type": "2"} if details else None)


def test_every_kind_of_act_is_a_valid_audit_event(desk: Desk) -> None:
    record = DatabaseRecord()
    for ending in Ending:
        act(ending=ending, reason="SUP-1", ticket="SUP-1")
    record.intended(Actor(name="anna"), "reset_cursor", MAILER, {"parts": [1], "none": None, "yes": True, " ": "x"})
    odd = Actor(name="a\x01\t b", via="page")
    noted(odd, "un known  thing", Resource(kind="", name=" \n "), {"reason": "a\nb\x02", "": "x", "x": "\ud800"})
    noted(Actor(name="eve"), "refused", Resource(kind="place", name="audit"), {"address": "203.0.113.7"}, State.FAILED)
    noted(Actor(name="anna"), "log_in", Resource(kind="account", name="anna"), {"address": None})
    noted(Actor(name="anna"), "export_record", Resource(kind="aggregate", aggregate_type="Ä b", aggregate_id="4711"), {})
    events = exported(desk, "format=fhir")
    assert len(events) == len(acts()) == len(Ending) + 6
    for event in events:
        check_audit_event(event)
    outcomes = [event.get("outcome") for event in events[: len(Ending)]]
    assert outcomes == [{"done": "0", "partly done": "4", "failed": "8"}.get(ending.value) for ending in Ending]
    assert events[0]["agent"][0]["name"] == "anna"
    assert events[0]["purposeOfEvent"] == [{"text": "SUP-1"}]
    assert AuditEntry.objects.count() == len(Ending) * 2 + 6
