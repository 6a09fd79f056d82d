"""The messages of a batch as the broker's answer for its entry has them. The bytes are those of a real 4.0.8, of three."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from eventstore.drivers.pulsar.client.entry_batches import (
    BATCH,
    ID,
    NOT_PLAIN,
    PRODUCER,
    PUBLISHED,
    SCHEMA,
    RawMember,
    messages_in,
)
from eventstore.drivers.pulsar.client.messages import Messages
from tests.unit.drivers.test_key_metadata import BODY

HEADERS = {ID: "7:3", BATCH: "3", PUBLISHED: "2026-11-30T09:15:00.125+01:00", PRODUCER: "standalone-0-1"}
PLAIN = frozenset({0, 1})
"""The third one's ordering key is no text."""


def read(number: int, body: bytes = BODY, headers: Mapping[str, str] = HEADERS) -> RawMember | None:
    found = messages_in({**HEADERS, **headers}, body, 7, 3, {number})
    return found[number] if found is not None else None


def test_each_message_has_what_its_publisher_gave_it_and_what_the_entry_says_of_all() -> None:
    raws = messages_in(HEADERS, BODY, 7, 3, PLAIN)
    assert raws is not None
    messages = Messages("t", 0)
    found = [messages.of(raws[number]) for number in sorted(PLAIN)]
    assert [(one.key, one.payload, one.position.label) for one in found] == [
        ("AAEC/w==", b"{}", "7:3:0"),
        ("AAEC/w==", b"{}", "7:3:1"),
    ]
    assert {one.published for one in found} == {datetime(2026, 11, 30, 8, 15, 0, 125_000, tzinfo=UTC)}
    assert {(one.producer, one.schema_version) for one in found} == {("standalone-0-1", "")}


def test_of_a_property_that_is_set_twice_the_first_value_counts_as_with_the_client() -> None:
    single = bytes.fromhex("0a060a016112016212" + "00")[:8] + bytes.fromhex("0a060a0161120163" + "1802")
    body = len(single).to_bytes(4, "big") + single + b"{}"
    one = read(0, body, {BATCH: "1"})
    assert one is not None and one.properties() == {"a": "b"}


def test_a_schema_version_is_the_number_that_the_client_makes_of_its_eight_bytes() -> None:
    one = read(0, headers={SCHEMA: "AAAAAAAAAAc="})
    assert one is not None and one.int_schema_version() == 7
    for unsure in ("AAAAAAAA", "//////////8=", "?", "AAAAAAAAAAcA"):
        assert read(0, headers={SCHEMA: unsure}) is None, unsure


@pytest.mark.parametrize(
    "headers",
    [
        *({name: "true"} for name in NOT_PLAIN),
        {ID: "7:4"},
        {BATCH: "4"},
        {BATCH: ""},
        {PUBLISHED: "soon"},
        {PUBLISHED: "2026-11-30T09:15:00.125"},
        {PUBLISHED: "1960-01-01T00:00:00Z"},
        {PUBLISHED: "+292278994-08-17T07:12:55.807Z"},
        {PRODUCER: "Pr?ducer"},
        {PRODUCER: "Pr ducer"},
        {PRODUCER: "Prödücer"},
    ],
)
def test_an_entry_that_is_not_plain_or_of_which_a_header_may_have_lost_something_is_left_to_a_reader(
    headers: dict[str, str],
) -> None:
    assert read(0) is not None
    assert read(0, headers=dict.fromkeys(NOT_PLAIN, "false")) is not None, "a broker says so of every entry"
    assert read(0, headers=headers) is None


@pytest.mark.parametrize("missing", [ID, BATCH, PUBLISHED, PRODUCER])
def test_so_is_one_without_a_header(missing: str) -> None:
    told = {name: text for name, text in HEADERS.items() if name != missing}
    assert messages_in(told, BODY, 7, 3, PLAIN) is None


def test_so_is_a_message_with_bytes_that_are_no_text_and_one_behind_the_last() -> None:
    assert read(2) is None
    assert messages_in(HEADERS, BODY, 7, 3, {0, 3}) is None


def test_a_body_that_is_cut_or_changed_anywhere_tells_nothing_false() -> None:
    first = read(0)
    assert first is not None
    for end in range(len(BODY)):
        assert read(0, BODY[:end]) is None, end
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 0x80]) + BODY[place + 1 :]
        messages_in(HEADERS, changed, 7, 3, PLAIN)  # whatever it is, nothing is raised
