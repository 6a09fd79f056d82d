"""The longest test files are handed out first, and those that share something expensive together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.scheduling import COMPUTING, GROUPS, SECONDS, TOGETHER, LongestFirst

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """Stands in for a worker of pytest-xdist: it runs each test as soon as it gets it."""

    shutting_down = False
    gateway = SimpleNamespace(id="gw")

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def handed_out(tests: list[str], workers: int = 1) -> list[list[str]]:
    """What each of the workers gets of these tests, in order. They take turns to run one."""
    options: Any = SimpleNamespace(
        getvalue=lambda name: ["popen"] * workers if name == "tx" else False, option=SimpleNamespace(loadscopereorder=True)
    )
    scheduler, running = LongestFirst(options), [Worker() for _ in range(workers)]
    for worker in running:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, tests)
    scheduler.schedule()
    ran: list[list[str]] = [[] for _ in running]
    while any(worker.waiting for worker in running):
        for worker, got in zip(running, ran, strict=True):
            if worker.waiting:
                index = worker.waiting.pop(0)
                got.append(tests[index])
                scheduler.mark_test_complete(worker, index)
    return ran


def order(tests: list[str]) -> list[str]:
    """The order in which one worker gets these tests."""
    return handed_out(tests)[0]


def test_the_longest_file_comes_first_whatever_its_name_and_number_of_tests() -> None:
    known = [file for file in SECONDS if not file.startswith(COMPUTING)]
    long, short = max(known, key=SECONDS.__getitem__), min(known, key=SECONDS.__getitem__)
    unknown = [f"tests/a.py::test_{number}" for number in range(2 * SECONDS[short])]
    assert order([*unknown, f"{short}::test", f"{long}::test"]) == [f"{long}::test", f"{short}::test", *unknown]


def test_of_files_that_nobody_measured_the_one_with_most_tests_comes_first() -> None:
    many = [f"tests/z.py::test_{number}" for number in range(3)]
    assert order(["tests/a.py::test", *many]) == [*many, "tests/a.py::test"]


def test_files_that_share_something_are_handed_out_together() -> None:
    for files in TOGETHER.values():
        tests = [f"{files[0]}::test", *(f"{file}::test" for file in SECONDS if file not in files), f"{files[1]}::test"]
        ran = order(tests)
        assert ran.index(f"{files[1]}::test") == ran.index(f"{files[0]}::test") + 1


def test_one_worker_begins_with_what_computes_and_the_others_with_what_waits_until_there_is_no_more_of_it() -> None:
    computing = [f"tests/web/test_{name}.py::test" for name in "abcdef"]
    waiting = [f"tests/broker/test_{name}.py::test" for name in "abcd"]
    first, *others = handed_out([*waiting, *computing], workers=3)
    assert len(first) > 2 and set(first) <= set(computing)
    for other in others:
        assert other[:2] == [test for test in other if test in waiting][:2]
        assert all(test in computing for test in other[2:])


def test_every_file_of_the_tables_exists() -> None:
    assert [file for file in (*SECONDS, *GROUPS) if not (ROOT / file).is_file()] == []
