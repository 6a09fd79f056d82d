"""The audit's filter "On" takes every form in which pages, logs and Pulsar's own tools name a thing."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from dashboard.auditing.chain import DatabaseRecord
from eventstore.actions import Actor, Resource, subscription_resource, topic_resource
from tests.web.desk import Desk, attribute, opened_desk

TOPIC = "public/default/patients"
ACTS = {
    "reset": subscription_resource(TOPIC, "mailer"),
    "reset-echo": subscription_resource(TOPIC, "public/default/echo"),
    "publish": topic_resource(TOPIC),
    "elsewhere": subscription_resource("public/default/documents", "mailer"),
    "reveal": Resource(kind="aggregate", aggregate_type="patient", aggregate_id="4711"),
    "reveal-case": Resource(kind="aggregate", aggregate_type="LoanApplication", aggregate_id="Case 2237"),
    "account": Resource(kind="account", name="anna"),
    "token": Resource(kind="api_token", name="ci"),
}
OF_THE_TOPIC = {"reset", "reset-echo", "publish"}
FORMS = {
    "patients": OF_THE_TOPIC,
    TOPIC: OF_THE_TOPIC,
    f"persistent://{TOPIC}": OF_THE_TOPIC,
    "patients-partition-0": OF_THE_TOPIC,
    f"persistent://{TOPIC}-partition-0": OF_THE_TOPIC,
    "patients-0": OF_THE_TOPIC,
    "patients-7": set(),
    f" {TOPIC} ": OF_THE_TOPIC,
    "mailer": {"reset", "elsewhere"},
    '"mailer"': {"reset", "elsewhere"},
    "mailer of patients": {"reset"},
    "mailer on patients": {"reset"},
    f"mailer of {TOPIC}": {"reset"},
    f"mailer on persistent://{TOPIC}": {"reset"},
    "patients mailer": {"reset"},
    "patients / mailer": {"reset"},
    f"{TOPIC} mailer": {"reset"},
    "public/default/echo": {"reset-echo"},
    "patients / public/default/echo": {"reset-echo"},
    "4711": {"reveal"},
    "patient 4711": {"reveal"},
    "Patient 4711": {"reveal"},
    "patient/4711": {"reveal"},
    "patient:4711": {"reveal"},
    "patient-4711": {"reveal"},
    "patient / 4711": {"reveal"},
    "patient 47": set(),
    "Case 2237": {"reveal-case"},
    "Loan application Case 2237": {"reveal-case"},
    "LoanApplication/Case 2237": {"reveal-case"},
    "anna": {"account"},
    "ci": {"token"},
    "ci (API token)": {"token"},
    "e-1": OF_THE_TOPIC | {"reveal"},
    reverse("topic", args=[TOPIC]): OF_THE_TOPIC,
    f"https://desk.example.org{reverse('topic', args=[TOPIC])}?filter=x": OF_THE_TOPIC,
    reverse("subscription", args=[TOPIC, "mailer"]): {"reset"},
    reverse("aggregate", args=["patient", "4711"]): {"reveal"},
    reverse("event", args=["e-1"]): OF_THE_TOPIC | {"reveal"},
    "https://elsewhere.example.org/x": set(),
    "http://[": set(),
    "//[x": set(),
    "http://a\u2100b/": set(),
    "nobody": set(),
}


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(3, topic=TOPIC)
        record = DatabaseRecord()
        for action, resource in ACTS.items():
            record.intended(Actor(name="anna"), action, resource, {})
        yield opened


def found_on(desk: Desk, text: str) -> set[str]:
    return set(attribute(desk.get("/audit/?" + urlencode({"on": text})), "data-action"))


def test_every_form_finds_the_acts_on_what_it_names(desk: Desk) -> None:
    assert {text: found_on(desk, text) for text in FORMS} == FORMS


def test_every_position_of_a_page_finds_the_acts_on_its_topic_and_its_aggregate(desk: Desk) -> None:
    position = desk.faces.index.with_event_id("e-1")[0].position
    label = position.label
    forms = [f"patients-0 {label}", f"patients-0 · {label}", f"patients partition 0, {label}", position.encode()]
    assert {text: found_on(desk, text) for text in forms} == dict.fromkeys(forms, OF_THE_TOPIC | {"reveal"})
    assert "is an event: these are the acts on its topic" in desk.get("/audit/?on=e-1").content.decode()


def test_a_position_where_nothing_is_indexed_is_not_called_an_event(desk: Desk) -> None:
    said = desk.get("/audit/?on=patients-0+99999").content.decode()
    assert "is a position without an indexed event: these are the acts on its topic." in said
    assert "is an event" not in said


def test_it_goes_with_the_other_filters_and_stays_in_its_field(desk: Desk) -> None:
    answer = desk.get("/audit/?on=patients&action=publish")
    assert attribute(answer, "data-action") == ["publish"]
    assert 'name="on" type="text" value="patients"' in answer.content.decode()


def test_addresses_of_earlier_releases_still_filter(desk: Desk) -> None:
    answer = desk.get("/audit/?topic=patients&name=mailer")
    assert attribute(answer, "data-action") == ["reset"]
    assert 'type="hidden" name="topic" value="patients"' in answer.content.decode()
