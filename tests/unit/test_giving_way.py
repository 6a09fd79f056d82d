"""Work behind the pages gives way to answers that are worked on, and to none that only waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eventstore import giving_way
from eventstore.giving_way import Answers

LONG = 60.0
"""Seconds that nothing here takes, on a machine of any speed."""
MOMENT = 0.05


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(giving_way, "MOST_SECONDS", 10 * LONG)
    return Answers()


@contextmanager
def behind(answers: Answers) -> Iterator[threading.Event]:
    """Somebody gives way: the event is set once that is over."""
    went_on = threading.Event()

    def work() -> None:
        answers.give_way()
        went_on.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield went_on
    assert went_on.wait(LONG)
    thread.join()


def test_nobody_gives_way_to_nobody(answers: Answers) -> None:
    answers.give_way()
    with answers.waiting():
        answers.give_way()


def test_work_goes_on_once_the_last_answer_is_given(answers: Answers) -> None:
    with answers.answering(), behind(answers) as went_on:
        with answers.answering():
            assert not went_on.wait(MOMENT)
        assert not went_on.wait(MOMENT)
        with answers.waiting():
            assert went_on.wait(LONG)


def test_an_answer_that_failed_is_given_too(answers: Answers) -> None:
    with pytest.raises(ValueError, match="no"), answers.answering():
        raise ValueError("no")
    answers.give_way()


def test_what_waits_within_another_thread_does_not_count(answers: Answers) -> None:
    with behind(answers) as went_on:
        assert went_on.wait(LONG)
    with answers.answering():
        thread = threading.Thread(target=lambda: answers.waiting().__enter__())
        thread.start()
        thread.join()
        with behind(answers) as went_on:
            assert not went_on.wait(MOMENT)
            with answers.waiting():
                assert went_on.wait(LONG)


def test_work_goes_on_a_little_however_long_an_answer_takes(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_way, "MOST_SECONDS", MOMENT)
    with answers.answering():
        answers.give_way()
