"""Work behind the pages gives way to answers that are worked on, and to none that only waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

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
        with answers.behind():
            answers.give_way()
        went_on.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield went_on
    assert went_on.wait(LONG)
    thread.join()


def test_nobody_gives_way_to_nobody(answers: Answers) -> None:
    with answers.behind():
        answers.give_way()
        with answers.waiting():
            answers.give_way()


def test_only_work_behind_gives_way(answers: Answers) -> None:
    with answers.answering():
        answers.give_way()


def test_threads_of_work_behind_give_way_too(answers: Answers) -> None:
    went_on = threading.Event()

    def work() -> None:
        answers.give_way()
        went_on.set()

    with answers.answering():
        with answers.behind():
            context = copy_context()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        assert not went_on.wait(MOMENT)
    assert went_on.wait(LONG)
    thread.join()


@pytest.mark.parametrize(("things", "times"), [(0, 0), (1, 1), (20, 1), (21, 2)])
def test_things_are_all_there_in_portions(answers: Answers, monkeypatch: pytest.MonkeyPatch, things: int, times: int) -> None:
    given_way: list[bool] = []
    monkeypatch.setattr(answers, "give_way", lambda: given_way.append(True))
    assert list(answers.in_portions(range(things))) == list(range(things))
    assert len(given_way) == times


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
    with answers.behind():
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
    with answers.answering(), answers.behind():
        answers.give_way()
