"""The longest test files are handed out first, and those that share something expensive together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.scheduling import GROUPS, SECONDS, TOGETHER, LongestFirst

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """Stands in for a worker of pytest-xdist: it runs each test as soon as it gets it."""

    shutting_down = False

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def order(tests: list[str]) -> list[str]:
    """The order in which one worker gets these tests."""
    options: Any = SimpleNamespace(
        getvalue=lambda name: ["popen"] if name == "tx" else False, option=SimpleNamespace(loadscopereorder=True)
    )
    scheduler, worker = LongestFirst(options), Worker()
    scheduler.add_node(worker)
    scheduler.add_node_collection(worker, tests)
    scheduler.schedule()
    ran = []
    while worker.waiting:
        index = worker.waiting.pop(0)
        ran.append(tests[index])
        scheduler.mark_test_complete(worker, index)
    return ran


def test_the_longest_file_comes_first_whatever_its_name_and_number_of_tests() -> None:
    long, short = max(SECONDS, key=SECONDS.__getitem__), min(SECONDS, key=SECONDS.__getitem__)
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


def test_every_file_of_the_tables_exists() -> None:
    assert [file for file in (*SECONDS, *GROUPS) if not (ROOT / file).is_file()] == []
