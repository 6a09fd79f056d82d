"""Filtering a topic: what is refused, what an outage changes, and what each role may look for."""

from typing import Any

import pytest
from django.db import OperationalError

from dashboard import gateway
from eventstore.config.loading import parse_config
from eventstore.index.lookup import queries
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from tests import hostile
from tests.web.desk import TOPIC, Desk, attribute, text
from tests.web.searches import filtered, the_scan

BY_VALUES = (
    "Erika",
    '"Erika Mustermann"',
    "text:Erika",
    'text~"^.*Erika"',
    "data.name:Erika*",
    'data.name~"^E"',
    "data.name:*",
    "data.age>1",
    "key:4711",
    "property.ce_source:/tests",
    "source:/tests",
    "subject:x",
    "type:health.* data.name:Erika*",
    "type:none or not data.name:Erika*",
    "not (not (key:4711))",
)
"""Filters whose result would tell what a viewer may not see."""

BY_IDS = (
    "type:*PatientRegistered",
    "aggregate:4711",
    "aggregate:patient/4711",
    "id:e-1",
    "correlation:c-1",
    "causation:e-0",
    "time>=2024-05-01",
    "type:health.* not id:e-2",
)


# -- what goes wrong


def test_an_index_that_is_away_hides_no_match(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)

    def away(*_: object) -> Any:
        raise OperationalError("no such table")

    monkeypatch.setattr(queries, "at_each", away)
    answer = filtered(desk, "type:*")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-2", "e-1", "e-0"]


def test_a_store_that_is_away_is_said_to_be_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)

    def away(*_: object, **__: object) -> Any:
        raise StoreUnreachable("Pulsar does not answer.")

    for name in ("topics", "topic", "ends", "read_backward", "read_forward", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    answer = filtered(desk, "type:*")
    assert answer.status_code == 200
    assert "failed, not complete 0 matches The store broke off after 0 events. Pulsar does not answer." in text(answer)
    assert "The event store does not answer" in text(answer)


@pytest.mark.parametrize(
    "filter",
    [
        "(" * 5_000,
        "not " * 2_000 + "a",
        "a or " * 1_000 + "a",
        "x" * 1_000_000,
        "data.n>" + "9" * 3_000,
        'text~"(a{1000}){1000}"',
        'type~"("',
        "data.n>abc",
        "time>2024-99-99",
        "nofield:x",
        "type:",
        '"open',
        "data." + "a." * 500 + "a:1",
        "type:💊 and",
    ],
)
def test_a_hostile_filter_is_refused_at_once_with_its_text_kept(desk: Desk, filter: str) -> None:
    desk.publish(1)
    answer = filtered(desk, filter)
    assert answer.status_code == 400
    assert "The filter cannot be used" in text(answer)
    assert "Nothing was searched" in text(answer)
    assert attribute(answer, "data-event-id") == []
    assert len(answer.content) < 60_000
    assert gateway.desk().scans._scans == {}


@pytest.mark.parametrize("filter", ['text~"(a+)+$"', 'data.text~"(x*)*y"', 'text~"(.*)(.*)(.*)(.*)z"'])
def test_an_expression_that_hangs_others_ends(desk: Desk, filter: str) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, [*hostile.messages(), NewMessage(payload=b"a" * 50_000 + b"!", key="k")])
    filtered(desk, filter)
    scan = the_scan(desk)
    scan.join(60)
    assert scan.progress().read == len(hostile.messages()) + 1


@pytest.mark.parametrize("onward", ["x", "e30", "%", "WyJvbGRlciIseyIwIjoiLSEhISJ9XQ", "9" * 10_000])
def test_a_damaged_place_to_go_on_from_is_no_fault(desk: Desk, onward: str) -> None:
    desk.publish(1)
    answer = filtered(desk, "type:*", **{"from": onward})
    assert answer.status_code == 200
    assert "failed" in text(answer)


def test_hostile_names_are_text_in_the_matches(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, hostile.messages())
    for filter in ("type:*", '"<script>"', "id:" + '"' + hostile.SCRIPT + '"'):
        answer = filtered(desk, filter)
        body = answer.content.decode()
        assert answer.status_code == 200
        assert "<script>window" not in body
        assert "<img" not in body
        assert attribute(answer, "data-event-id")


# -- who may


@pytest.mark.parametrize("filter", BY_VALUES)
def test_whoever_may_not_see_values_cannot_find_them_out_by_filtering(desk: Desk, filter: str) -> None:
    desk.publish(3)
    assert filtered(desk, filter).status_code == 200
    gateway.desk().scans.close()
    refused = filtered(desk, filter, "viewer")
    assert refused.status_code == 403
    assert "requires the role support, approver or admin" in text(refused)
    assert attribute(refused, "data-event-id") == []
    assert attribute(refused, "data-search") == []
    assert gateway.desk().scans._scans == {}


@pytest.mark.parametrize("filter", BY_IDS)
def test_whoever_may_not_see_values_still_filters_by_ids_types_and_times(desk: Desk, filter: str) -> None:
    desk.publish(3)
    answer = filtered(desk, filter, "viewer")
    assert answer.status_code == 200
    assert "complete" in text(answer)
    assert "Mustermann" not in answer.content.decode()
    assert "/tests" not in text(answer)


def test_matches_are_masked_for_whoever_looks(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config('[stories]\n"*Registered" = "Registered {data.name}"\n', "test.toml")
    desk.publish(1)
    assert "Erika" in filtered(desk, "type:*").content.decode()
    assert "Erika" not in filtered(desk, "type:*", "viewer").content.decode()
