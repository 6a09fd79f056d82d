"""What the controller of a run is told of each test: enough to say what became of it."""

from typing import Any

import pytest

from tests.lean_reports import LONG, Briefly, told_of


def report(when: str, outcome: str = "passed", duration: float = 0.0) -> dict[str, Any]:
    return {"when": when, "outcome": outcome, "duration": duration}


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
@pytest.mark.parametrize("outcome", ["failed", "skipped", "rerun"])
def test_whatever_did_not_pass_is_told(when: str, outcome: str) -> None:
    assert told_of(report(when, outcome))


def test_of_what_passed_the_call_is_told_and_what_took_long() -> None:
    assert told_of(report("call"))
    assert [told_of(report(when, duration=LONG)) for when in ("setup", "teardown")] == [True, True]
    assert [told_of(report(when)) for when in ("setup", "teardown")] == [False, False]


def test_what_was_printed_is_told() -> None:
    assert told_of({**report("teardown"), "sections": [("Captured stderr teardown", "a warning")]})


def test_no_report_has_the_names_and_marks_of_its_test() -> None:
    shortened = Briefly().pytest_report_to_serializable()
    next(shortened)
    with pytest.raises(StopIteration) as ended:
        shortened.send({**report("call"), "keywords": {"slow": 1, "test_lean_reports.py": 1}})
    assert ended.value.value == {**report("call"), "keywords": {}}
