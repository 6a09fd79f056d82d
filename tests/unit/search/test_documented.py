"""docs/filters.md, held to the code: its examples, its fields and its limits."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest

from eventstore.envelope import read_event
from eventstore.envelope.write import document_to_message
from eventstore.model.events import Event
from eventstore.model.subscriptions import DeliveryState
from eventstore.samples.health import health_history
from eventstore.search import limits, parse_filter
from eventstore.search.terms import FIELDS
from tests.unit.messages import stored
from tests.unit.search.deliveries import Handled

PAGE = (Path(__file__).resolve().parents[3] / "docs/filters.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


EXAMPLES = re.findall(r"^\| `(.+?)` \|", section("Examples"), re.MULTILINE)


@cache
def history() -> Sequence[Event]:
    documents = (msgspec.json.encode(event) for event in health_history(4716, 150))
    return [read_event(stored(document_to_message(document))) for document in documents]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_finds_some_events_but_not_all(text: str) -> None:
    waiting = {(event.id, "app-timeline"): DeliveryState.PENDING for event in history()[::2]}
    found = sum(map(parse_filter(text, Handled(waiting, names=["app-timeline"])).matches, history()))
    assert 0 < found < len(history())


def test_the_precedence_is_as_it_says() -> None:
    written, meant = (
        parse_filter("mail reminder or not type:Reminder*"),
        parse_filter("(mail reminder) or (not type:Reminder*)"),
    )
    assert [written.matches(event) for event in history()] == [meant.matches(event) for event in history()]
    assert "`a b or not c`" in section("Examples").replace('"', "`")


def test_every_field_is_documented() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", section("Fields"), re.MULTILINE)
    assert {field for row in rows for field in re.findall(r"`([^`]+)`", row)} == set(FIELDS)


def test_every_documented_time_is_taken() -> None:
    (line,) = re.findall(r"^- Times are UTC.*$", section("Comparing"), re.MULTILINE)
    times = re.findall(r"`([^`]+)`", line)
    assert len(times) == 4
    assert all(parse_filter(f"time>={time}").since for time in times)


def test_the_documented_limits_are_the_true_ones() -> None:
    rows = [int(number.replace(",", "")) for number in re.findall(r"\| ([0-9,]+) \|$", section("Limits"), re.MULTILINE)]
    assert rows == [
        limits.MOST_CHARACTERS,
        limits.MOST_TERMS,
        limits.DEEPEST,
        limits.MOST_PATH_PARTS,
        limits.MOST_NUMBER_CHARACTERS,
        limits.MOST_EXPRESSIONS,
        limits.MOST_EXPRESSION_CHARACTERS,
        limits.PAYLOAD_BYTES,
        limits.KEY_CHARACTERS,
        limits.MOST_ITEMS,
        limits.VALUE_CHARACTERS,
        limits.MOST_ESCAPES,
        limits.EXPRESSION_BYTES,
        limits.EXPRESSION_WORK,
    ]
    assert f"larger than {limits.PAYLOAD_BYTES:,} bytes" in section("What cannot be judged")
    assert f"longer than {limits.KEY_CHARACTERS:,} characters" in section("What cannot be judged")
    assert f"the first {limits.EXPRESSION_WORK // 20:,} bytes" in section("Limits")
