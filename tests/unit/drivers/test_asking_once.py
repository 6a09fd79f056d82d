"""What is asked of a store while somebody looks at one thing from several sides: each question once."""

import threading

import pytest

from eventstore.drivers.meanwhile import asking_once, meanwhile, once


class Question:
    """Counts how often it is asked; answers with that number, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked, self._error = 0, error

    def __call__(self) -> int:
        self.asked += 1
        if self._error is not None:
            raise self._error
        return self.asked


def test_a_question_is_asked_once_within_one_look_whoever_asks_it() -> None:
    question, other = Question(), Question()
    with asking_once():
        begun = meanwhile(lambda: once("ends", question))
        assert (once("ends", question), begun(), once("ends", question)) == (1, 1, 1)
        assert once("names", other) == 1
    assert (question.asked, other.asked) == (1, 1)


def test_each_look_asks_anew_and_so_does_whoever_is_within_none() -> None:
    question = Question()
    for look in (1, 2):
        with asking_once():
            assert [once("ends", question), once("ends", question)] == [look, look]
    assert [once("ends", question), once("ends", question)] == [3, 4]


def test_another_thread_is_within_the_look_only_if_it_was_begun_in_it() -> None:
    question, found = Question(), []
    with asking_once():
        once("ends", question)
        own = threading.Thread(target=lambda: found.append(once("ends", question)))
        own.start()
        own.join()
    assert found == [2]


def test_who_asks_while_somebody_else_waits_for_the_answer_waits_too() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slowly() -> str:
        entered.set()
        assert go_on.wait(10)
        return "answer"

    with asking_once():
        first = meanwhile(lambda: once("ends", slowly))
        assert entered.wait(10)
        second = meanwhile(lambda: once("ends", lambda: "never asked"))
        go_on.set()
        assert (first(), second()) == ("answer", "answer")


def test_an_error_is_everybodys() -> None:
    question = Question(ValueError("away"))
    with asking_once():
        begun = meanwhile(lambda: once("ends", question))
        for ask in (begun, lambda: once("ends", question)):
            with pytest.raises(ValueError, match="away"):
                ask()
    assert question.asked == 1
