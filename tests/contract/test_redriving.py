"""Redrives on every driver: what arrives, what is acknowledged, and what is left of a run that is killed at any step."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from eventstore.jobs import Interruption, JobInterrupted
from eventstore.model.errors import StoreUnreachable
from eventstore.model.storage import Storage, copying_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.redrives.copies import JOB, LETTER, letter_id
from tests import redriving
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import eventually
from tests.redriving import Notes, copied, keep, letter, messages_in, order_of, run, run_until_done, waiting

KEYS = ("a", "b", "c")


@pytest.fixture
def letters(storage: Storage, topic: MakeTopic) -> str:
    """A dead-letter topic with twelve letters of three keys, kept."""
    name = topic(suffix="-DLQ").name
    keep(storage, name)
    storage.log.append(name, [letter(number, key=KEYS[number % 3]) for number in range(12)])  # singly: keys differ
    return name


def expected(storage: Storage, letters: str, but: Sequence[int] = ()) -> dict[str | None, list[str]]:
    found = messages_in(storage, letters)
    return {key: [letter_id(one) for number, one in enumerate(found) if one.key == key and number not in but] for key in KEYS}


def test_letters_are_sent_in_order_with_their_parts_and_acknowledged(storage: Storage, topic: MakeTopic, letters: str) -> None:
    target = topic(partitions=2, suffix="-RETRY").name
    order = order_of(storage, letters, target)
    notes = Notes()
    facts = run(storage, order, notes)
    assert copied(storage, target) == expected(storage, letters)
    assert waiting(storage, order) == []
    assert facts["sent"] == notes.progress.done == 12
    assert notes.checkpoint["tidy"]
    for partition in range(2):
        for copy in messages_in(storage, target, partition):
            number = int(copy.payload)
            assert copy.properties == {"own": f"p{number}", JOB: "job1", LETTER: copy.properties[LETTER]}


def test_letters_that_are_not_chosen_stay_and_those_acknowledged_by_others_are_left_out(
    storage: Storage, topic: MakeTopic, letters: str
) -> None:
    target = topic(suffix="-RETRY").name
    there = messages_in(storage, letters)
    order = order_of(storage, letters, target, lambda message: int(message.payload) not in (0, 5, 11))
    with copying_of(storage).open_acknowledger(
        letters, redriving.KEEPER, type=SubscriptionType.SHARED, partitions=[0]
    ) as other:
        other.acknowledge([there[7].position])
    assert eventually(lambda: b"7" not in waiting(storage, order))
    notes = Notes()
    run(storage, order, notes)
    assert copied(storage, target) == expected(storage, letters, but=(0, 5, 7, 11))
    assert waiting(storage, order) == [b"0", b"5", b"11"]
    assert (notes.progress.done, notes.progress.skipped) == (8, 1)


def test_a_run_killed_between_any_two_steps_sends_each_letter_once_and_in_order(
    storage: Storage, topic: MakeTopic, letters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 5)
    counted: list[str] = []
    target = topic(partitions=2, suffix="-RETRY").name
    asked = order_of(storage, letters, target)
    run_until_done(storage, asked, counted.append)
    assert len(counted) > 20
    orders = {
        number: replace(asked, job=f"job-{number}", subscription=f"killed-{number}")
        for number in range(0, len(counted), 1 if storage.log.capabilities.expected_version else 4)
    }  # a run on a broker takes half a second
    for number, order in orders.items():
        keep(storage, letters, order.subscription)
        notes = run_until_done(storage, order, redriving.killing(number))
        assert notes.progress.done == 12, counted[number]
        assert waiting(storage, order) == [], counted[number]
    sent = [message for partition in range(2) for message in messages_in(storage, target, partition)]
    for number, order in orders.items():
        found = {
            key: [one.properties[LETTER] for one in sent if (one.key, one.properties[JOB]) == (key, order.job)] for key in KEYS
        }
        assert found == expected(storage, letters), counted[number]


@pytest.mark.parametrize("why", [Interruption.PAUSE, Interruption.CANCEL, Interruption.STOP])
def test_a_run_that_is_interrupted_leaves_nothing_half_done(
    storage: Storage, topic: MakeTopic, letters: str, why: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 4)
    target = topic(suffix="-RETRY").name
    order = order_of(storage, letters, target)
    notes = Notes(stop_after=2, why=why)
    with pytest.raises(JobInterrupted):
        run(storage, order, notes)
    assert notes.checkpoint["tidy"]
    sent = sum(map(len, copied(storage, target).values()))
    assert sent == notes.progress.done == 8
    assert eventually(lambda: len(waiting(storage, order)) == 12 - sent)
    notes.stop_after = None
    run(storage, order, notes)
    assert copied(storage, target) == expected(storage, letters)
    assert waiting(storage, order) == []


def test_of_two_workers_of_one_job_only_one_sends_each_letter(
    storage: Storage, topic: MakeTopic, letters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 4)
    target = topic(suffix="-RETRY").name
    order = order_of(storage, letters, target)
    first, rivals = Notes(), list[Notes]()

    def rival(step: str) -> None:
        if step == "on the way" and not rivals:
            rivals.append(Notes(checkpoint=first.checkpoint))
            with suppress(StoreUnreachable):
                run(storage, order, rivals[0])

    over = redriving.Over(storage, redriving.Stepping(copying_of(storage), rival))
    with suppress(StoreUnreachable):
        run(over, order, first)
    assert rivals
    assert copied(storage, target) == expected(storage, letters)
    assert waiting(storage, order) == []
