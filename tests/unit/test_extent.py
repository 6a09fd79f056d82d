"""What an answer is made of: each question is asked once, for as long as the answer is being made, and for each extent."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import count

from eventstore.extent import Extent, asked_once, one_answer, within

numbers = count(1)


@asked_once
def number_of(name: str) -> int:
    return next(numbers)


def test_within_an_answer_a_question_is_asked_once_and_outside_of_one_each_time() -> None:
    assert number_of("a") != number_of("a")
    with one_answer():
        first = number_of("a")
        assert number_of("a") == first != number_of("b")
    assert number_of("a") != first


def test_each_answer_asks_for_itself() -> None:
    with one_answer():
        first = number_of("a")
    with one_answer():
        assert number_of("a") != first


def test_an_answer_within_another_is_a_part_of_it() -> None:
    with one_answer():
        first = number_of("a")
        with one_answer():
            assert number_of("a") == first
            part = number_of("b")
        assert (number_of("a"), number_of("b")) == (first, part)


def test_what_was_found_out_of_one_extent_is_not_told_in_another() -> None:
    mine, other = (Extent(lambda name: True, lambda name: True) for _ in range(2))
    with one_answer():
        whole = number_of("a")
        with within(mine):
            narrow = number_of("a")
            with within(other):
                assert number_of("a") not in (whole, narrow)
            assert number_of("a") == narrow != whole
        assert number_of("a") == whole


def test_a_thread_that_goes_on_after_the_answer_asks_again() -> None:
    with one_answer():
        first, context = number_of("a"), copy_context()
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(copy_context().run, number_of, "a").result() == first
    assert context.run(number_of, "a") != first
    assert context.run(number_of, "a") != context.run(number_of, "a")
