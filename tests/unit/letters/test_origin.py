"""What letters of each client say of their originals."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from eventstore.letters.origin import Origin, batch_of, origin_of

RECORDED = Path(__file__).parents[2] / "data" / "formats"


def recorded(name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads((RECORDED / name).read_text())["properties"]
    return found


def test_a_letter_of_javas_client_names_topic_and_subscription_and_one_of_pythons_the_topic_alone() -> None:
    java, python = (origin_of(recorded(f"pulsar-{client}-dead-letter.json")) for client in ("java", "python"))
    assert java == Origin(topic="public/default/orders-java", subscription="mail")
    assert python == Origin(topic="public/default/orders-python")


@pytest.mark.parametrize(
    ("topic", "id", "partition"),
    [
        ("persistent://a/b/orders-partition-3", "(27,1,-1,-1)", 3),
        ("persistent://a/b/orders", "(27,1,2,0)", 2),
        ("persistent://a/b/orders", "27:1:2:0", 2),
        ("persistent://a/b/orders", "27:1:-1", None),
        ("persistent://a/b/orders", "something else", None),
        ("", "", None),
    ],
)
def test_the_partition_is_that_of_the_topic_or_else_of_the_id(topic: str, id: str, partition: int | None) -> None:
    found = origin_of({"REAL_TOPIC": topic, "ORIGIN_MESSAGE_ID": id})
    assert (found.topic, found.partition) == ("a/b/orders" if topic else "", partition)


def test_a_topic_that_no_database_can_be_asked_for_is_none() -> None:
    assert origin_of({"REAL_TOPIC": "persistent://a/b/nul\0"}).topic == ""
    assert origin_of({"REAL_TOPIC": "persistent://a/b/\ud800"}).topic == ""


@pytest.mark.parametrize(
    ("written", "tries"), [("3", 3), ("0", 0), ("-1", None), ("three", None), ("9" * 30, None), ("٣", None)]
)
def test_tries_are_counted_where_the_letter_has_a_number(written: str, tries: int | None) -> None:
    assert origin_of({"RECONSUMETIMES": written}).tries == tries
    assert origin_of({}).tries is None


def test_a_reason_is_what_a_declared_property_says_or_else_one_that_applications_use() -> None:
    properties = {"why": "no address", "X-Exception-Message": "Mailbox full", "colour": "red"}
    assert origin_of(properties).reason == "Mailbox full"
    found = origin_of(properties, ["missing", "why"])
    assert (found.reason_name, found.reason) == ("why", "no address")
    assert origin_of({"colour": "red", "error": ""}) == Origin()


@pytest.mark.parametrize(
    ("original", "batch"),
    [("194:0:2", "194:0"), ("194:0", ""), ("194:0:2/1", "194:0"), ("", ""), ("an:id:1", ""), ("e-1", "")],
)
def test_the_batch_of_an_original_is_its_entry(original: str, batch: str) -> None:
    assert batch_of(original) == batch
