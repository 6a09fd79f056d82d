"""Which key an aggregate is named by, and how numbers are spelled that a mapping takes for ids."""

from typing import Any

import pytest
from msgspec.structs import replace

from eventstore.envelope import read_event
from eventstore.model.events import UNREADABLE_KEY, Event
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import CE, DOCUMENT, json, message

NOTE = "There is no key in this message: its ordering key stands in for it."
IDS = """
type = { from = "value", value = "T" }
aggregate_id = { from = "json", path = "orderId" }
version = { from = "json", path = "ver" }
id = { from = "json", path = "no" }
"""


def keyed(key: str | None, ordering_key: str | None, text: str = "", **more: Any) -> Event:
    return read_event(replace(message(key=key, **more), ordering_key=ordering_key), mappings(text) if text else ())


def mapped(payload: bytes) -> tuple[str, str, str]:
    event = read_event(message(payload), mappings(IDS))
    return event.aggregate_id, event.sequence, event.id


def test_an_ordering_key_names_the_aggregate_where_there_is_no_key_and_says_so() -> None:
    by_mapping = 'type = { from = "value", value = "T" }\nid = { from = "value", value = "1" }'
    structured = json({name: value for name, value in DOCUMENT.items() if name != "aggregateid"})
    for event in (
        keyed(None, "order-7", properties=CE),
        keyed(None, "order-7", by_mapping),
        keyed(None, "order-7", payload=structured),
    ):
        assert (event.aggregate_id, event.notes[0], event.message.key) == ("order-7", NOTE, None)


def test_a_key_or_an_attribute_goes_before_the_ordering_key() -> None:
    for event in (keyed("k", "order-7", properties=CE), keyed(None, "order-7", properties=CE | {"ce_aggregateid": "k"})):
        assert event.aggregate_id == "k"
        assert NOTE not in event.notes


def test_a_mapping_can_take_the_ordering_key_before_the_key() -> None:
    text = 'type = { from = "value", value = "T" }\naggregate_id = { from = "ordering_key" }'
    assert keyed("k", "order-7", text).aggregate_id == "order-7"
    assert keyed("k", None, text).aggregate_id == "k"
    pattern = "(?P<aggregate_type>.+)-(?P<aggregate_id>.+)"
    split = f'type = {{ from = "value", value = "T" }}\naggregate = {{ from = "ordering_key", pattern = "{pattern}" }}'
    event = keyed("k", "order-7", split)
    assert (event.aggregate_type, event.aggregate_id) == ("order", "7")


def test_an_ordering_key_that_is_no_text_names_nothing() -> None:
    """All such keys read alike, so that their events would be one aggregate."""
    assert keyed(None, UNREADABLE_KEY, properties=CE).problem == "unrecognised format: it has neither aggregateid nor a key"
    text = 'type = { from = "value", value = "T" }\naggregate_id = { from = "ordering_key" }'
    assert keyed("k", UNREADABLE_KEY, text).aggregate_id == "k"


@pytest.mark.parametrize(
    "number",
    [
        "1E3",
        "1e+3",
        "1.10",
        "2.0",
        "-0",
        "0",
        "-0.0",
        "23958446825181076828",
        "9007199254740993",
        "1732865000.1234567891",
        "1E-9",
    ],
)
def test_a_number_as_an_id_keeps_its_spelling(number: str) -> None:
    payload = b'{"orderId":%b,"ver":%b,"no":%b}' % ((number.encode(),) * 3)
    assert mapped(payload) == (number, number, number)
    assert mapped(b'{"half":"\\ud800",' + payload[1:]) == (number, number, number)  # which the fast parser refuses


def test_numbers_that_are_alike_but_spelled_otherwise_are_other_aggregates() -> None:
    assert mapped(b'{"orderId":1E3,"ver":1.10,"no":3}') == ("1E3", "1.10", "3")
    assert mapped(b'{"orderId":1000,"ver":1.1,"no":3}') == ("1000", "1.1", "3")


def test_an_expression_still_calculates_with_numbers() -> None:
    text = 'type = { from = "value", value = "T" }\naggregate_id = { from = "json", path = "%s" }'
    payload = b'{"n":[1E3,3.5],"items":[{"q":1,"id":2.50},{"q":7,"id":1E1},{"q":8,"id":1E3}]}'
    for path, found in (
        ("sum(n)", "1003.5"), ("max(n)", "1000.0"), ("n[?@ < `5`] | [0]", "3.5"), ("floor(n[1])", "3"), ("n[-1]", "3.5"),
        ("items[?q > `5`].id | [1]", "1E3"), ("items[?id > `5`].id | [0]", "10.0"), ("items[0].id", "2.50"),
    ):  # fmt: skip
        assert read_event(message(payload), mappings(text % path)).aggregate_id == found, path


def test_a_number_keeps_its_spelling_within_connects_schema_and_behind_a_byte_order_mark() -> None:
    text = 'form = "debezium"\ntype = { from = "value", value = "T" }\naggregate_id = { from = "json", path = "after.id" }'
    plain = b'{"op":"c","after":{"id":1.10}}'
    for payload in (plain, b'{"schema":{},"payload":%b}' % plain, b"\xef\xbb\xbf" + plain):
        assert read_event(message(payload), mappings(text)).aggregate_id == "1.10"
