"""CloudEvents' documented extensions on an event's page: in words, masked, and with links to where the configuration says."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from django.test.utils import override_settings

from dashboard import gateway
from dashboard.web.known_extensions import EXPIRED, NO_TIME, NO_TRACE, NOT_DEPRECATED, meanings, trace_url
from eventstore.config.loading import parse_config
from eventstore.model.events import NewMessage
from tests.web.desk import Desk, attribute, event, text

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXTENSIONS = {
    "recordedtime": "2026-02-03T04:05:06Z",
    "expirytime": "2020-01-01T00:00:00Z",
    "traceparent": f"00-{TRACE}-{SPAN}-01",
    "partitionkey": "customer-7",
    "dataref": "https://elsewhere.example.org/payload/7",
    "dataclassification": "confidential",
    "dataregulation": "GDPR",
    "deprecated": "true",
    "deprecationsunset": "2027-01-01T00:00:00Z",
    "authtype": "app_user",
    "authid": "anna@example.org",
}


@pytest.fixture
def links() -> Iterator[None]:
    config = parse_config('[links]\ntrace = "https://traces.example.org/{trace_id}?span={span_id}"\n', "desk.toml")
    with override_settings(EVENTDESK=config):
        gateway.close()
        yield
        gateway.close()


def publish(desk: Desk, extensions: Mapping[str, str]) -> None:
    message = event(1)
    properties = {**message.properties, **{f"ce_{name}": value for name, value in extensions.items()}}
    desk.log.create_topic("patients", partitions=1)
    desk.log.append("patients", [NewMessage(payload=message.payload, key=message.key, properties=properties)])
    desk.index()


def test_each_is_shown_with_its_label_value_and_meaning(links: None, desk: Desk) -> None:
    publish(desk, EXTENSIONS)
    page = desk.get("/events/e-1/")
    said = text(page)
    for each in meanings(EXTENSIONS, NOW):
        assert f"{each.label}{each.value}{each.note}" in said.replace(f" {each.note}", each.note), each.attribute
    assert f"https://traces.example.org/{TRACE}?span={SPAN}" in attribute(page, "href")
    assert "https://elsewhere.example.org/payload/7" not in attribute(page, "href") + attribute(page, "src")


def test_a_role_that_sees_no_values_learns_nothing_of_them(links: None, desk: Desk) -> None:
    publish(desk, EXTENSIONS)
    body = desk.get("/events/e-1/", "viewer").content.decode()
    for name in ("dataref", "authid", "partitionkey", "dataclassification"):
        assert EXTENSIONS[name] not in body
    assert TRACE not in body
    assert "Triggered by" not in body


def notes(**attributes: str) -> list[str]:
    return [each.note for each in meanings(attributes, NOW)]


def test_what_they_mean_depends_on_their_values() -> None:
    assert notes(expirytime="2025-12-31T23:59:59Z") == [EXPIRED]
    assert notes(expirytime="2026-01-01T01:00:00+00:00")[0].startswith("Consumers may ignore the event from then on")
    assert notes(expirytime="tomorrow", recordedtime="2026-01-01T00:00:00") == [NO_TIME, NO_TIME]
    assert notes(deprecated="False") == [NOT_DEPRECATED]
    assert notes(deprecated="True") == ["Events of this type will be replaced."]
    assert notes(partitionkey="", other="x") == []


@pytest.mark.parametrize(
    "traceparent",
    ["", "x", f"00-{TRACE}-{SPAN}", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01"],
)
def test_what_is_no_trace_leads_nowhere(links: None, traceparent: str) -> None:
    assert trace_url(traceparent) == ""
    assert notes(traceparent=traceparent) == ([NO_TRACE] if traceparent else [])


def test_without_a_template_a_trace_leads_nowhere() -> None:
    assert trace_url(EXTENSIONS["traceparent"]) == ""
