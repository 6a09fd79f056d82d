"""Which letters a redrive takes: whole entries alone, its own ones alone, and no more than a job can keep."""

import pytest
from msgspec.structs import replace

from eventstore.copying import BYTES, NO_SCHEMA
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Event
from eventstore.model.schema_registry import Schema
from eventstore.redrives import choosing
from eventstore.search import parse_filter
from tests.index.letters.standing import batched
from tests.index.redrives.planning import RETRY, SOURCE, Waiting, in_batches

pytestmark = pytest.mark.usefixtures("desk_databases")


def saying(number: int, letter: Event, **properties: str) -> Event:
    """The letter with these properties besides."""
    message = letter.message
    return replace(letter, message=replace(message, properties={**message.properties, **properties}))


def test_a_plan_that_becomes_full_takes_the_last_entry_wholly_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(in_batches(20))
    monkeypatch.setattr(choosing, "MOST_LETTERS", 12)
    found = waiting.plan()
    assert (waiting.taken(found), found.letters, found.more) == ([*range(10)], 10, True)
    monkeypatch.setattr(choosing, "MOST_LETTERS", 3)
    first = waiting.plan()
    assert (waiting.taken(first), first.letters, first.more) == ([*range(5)], 5, True)


def test_a_plan_with_as_many_ranges_as_a_job_keeps_takes_whole_entries_and_goes_on_the_last_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting(in_batches(30))
    monkeypatch.setattr(choosing, "MOST_RANGES", 2)
    found = waiting.plan(*range(5), *range(10, 20), *range(25, 30))
    assert (waiting.taken(found), found.letters, found.more) == ([*range(5), *range(10, 20)], 15, True)
    assert len(found.chosen[0]) == 2


def test_letters_that_share_an_entry_with_others_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(in_batches(15))
    found = waiting.plan(14, 3, 13, *range(5, 10))
    assert (waiting.taken(found), found.letters, found.left_out) == ([*range(5, 10)], 5, {choosing.SHARED: 3})
    monkeypatch.setattr("eventstore.letters.listing.PIECE", 4)
    monkeypatch.setattr(choosing, "MOST_LETTERS", 10)
    cut = waiting.plan()
    assert (waiting.taken(cut), cut.left_out, cut.more) == ([*range(10)], {}, True)
    with pytest.raises(InvalidPosition, match=r"None of these letters can be redriven now\. They lie in one entry"):
        waiting.plan(0)


def test_letters_of_another_topic_or_subscription_stay_where_they_are() -> None:
    said = [
        {"REAL_TOPIC": f"persistent://{SOURCE}-partition-1", "REAL_SUBSCRIPTION": "mailer"},
        {"REAL_TOPIC": "invoices"},
        {"REAL_TOPIC": SOURCE, "REAL_SUBSCRIPTION": "billing"},
        {"REAL_TOPIC": RETRY.name},
        {},
    ]
    waiting = Waiting([saying(number, batched(number, number, 0), **said[number]) for number in range(5)])
    found = waiting.plan()
    assert (waiting.taken(found), found.left_out) == ([0, 3, 4], {choosing.FOREIGN: 2})
    with pytest.raises(InvalidPosition, match="They name another topic or subscription"):
        waiting.plan(1, 2)


def test_what_shares_an_entry_with_a_letter_that_cannot_be_sent_is_left_with_it() -> None:
    waiting = Waiting(in_batches(10), refused={6: "Torn."})
    found = waiting.plan()
    assert (waiting.taken(found), found.left_out) == ([*range(5)], {"Torn.": 1, choosing.SHARED: 4})


def test_letters_that_came_along_are_counted_and_left_out_where_that_is_asked_for() -> None:
    said = [{"ORIGIN_MESSAGE_ID": f"(9,1,-1,{number})"} if number < 2 else {} for number in range(3)]
    waiting = Waiting([saying(number, batched(number, number, 0), **said[number]) for number in range(3)])
    assert waiting.plan().along == 2
    alone = waiting.plan(alone=True)
    assert (waiting.taken(alone), alone.along, alone.left_out) == ([2], 0, {choosing.ALONG: 2})


def test_an_entry_that_the_index_has_read_half_is_left() -> None:
    letters = in_batches(10)
    waiting = Waiting(letters[:8], unread=letters[8:])
    found = waiting.plan()
    assert (waiting.taken(found), found.left_out) == ([*range(5)], {choosing.HALF_READ: 3})


def test_a_plan_looks_no_further_than_the_first_look_and_than_a_bounded_number_of_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting(in_batches(20))
    monkeypatch.setattr(choosing, "MOST_SEARCHED", 12)
    monkeypatch.setattr("eventstore.redrives.plan.MOST_SEARCHED", 12)
    found = waiting.plan()
    assert (waiting.taken(found), found.searched, found.left_out) == ([*range(10)], 12, {})
    matching = waiting.plan(filter=parse_filter("type=patient.registered"))
    assert (waiting.taken(matching), matching.searched) == ([*range(10)], 12)
    waiting.standing.read.clear()
    until = waiting.plan(filter=parse_filter("type=patient.registered"), until={0: 5})
    assert (waiting.taken(until), until.searched, waiting.standing.read) == ([*range(5)], 0, [5])


def test_letters_of_a_schema_that_no_publisher_has_or_that_the_registry_has_lost_are_left() -> None:
    schemas = {"0": Schema(kind="JSON", name="s", definition=b"{}"), "1": Schema(kind="KEY_VALUE", name="s", definition=b"")}
    versions = ["", "0", "1", "2", "0"]
    letters = [batched(number, number, 0) for number in range(5)]
    having = [
        replace(letter, message=replace(letter.message, schema_version=version))
        for letter, version in zip(letters, versions, strict=True)
    ]
    waiting = Waiting(having, schemas=schemas, unsendable={"KEY_VALUE"})
    found = waiting.plan()
    assert (waiting.taken(found), found.versions) == ([0, 1, 4], ["", "0"])
    assert found.left_out == {"Of this kind.": 1, NO_SCHEMA: 1}


def keyed(number: int, key: str) -> Event:
    letter = batched(number, number, 0)
    return replace(letter, message=replace(letter.message, key=key))


def test_letters_whose_keys_were_set_as_bytes_are_left_and_each_key_that_may_be_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = ["AAEC", "patient-1", "p1234567", "AAEC", "AAED", "AAEE"]
    waiting = Waiting([keyed(number, key) for number, key in enumerate(keys)], bytes_of={"AAEC", "AAED"})
    found = waiting.plan()
    assert (waiting.taken(found), found.left_out) == ([1, 2, 5], {BYTES: 3})
    assert waiting.asked_keys == ["AAEC", "p1234567", "AAED", "AAEE"]
    monkeypatch.setattr(choosing, "MOST_KEYS", 2)
    assert waiting.taken(waiting.plan()) == [1, 2]
    assert waiting.taken(waiting.plan(2, 5)) == [2, 5]
