"""What a worker of pytest-xdist tells its controller: what became of each test, and nothing that nobody reads.

It reports on a test three times, each time with all names and marks of the test, which took a tenth of the processor time.
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

import pytest

LONG = 0.1
"""Seconds from which on it is told how long a test was prepared or cleared up, for ``--durations``."""


class Briefly:
    """Leaves out of a report what the controller does not look at."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        report = yield
        if report is not None and "keywords" in report:
            report["keywords"] = {}
        return report


def tell_less(config: pytest.Config) -> None:
    """In a worker: leave out that a test was prepared or cleared up, unless that failed, took long or printed something."""
    (worker,) = (plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, "sendevent"))
    worker.sendevent = partial(_send, worker.sendevent)
    config.pluginmanager.register(Briefly())


def told_of(report: Mapping[str, Any]) -> bool:
    """Whether the controller is sent this report, as it would be sent."""
    passed_unnoticed = report["outcome"] == "passed" and report["duration"] < LONG and not report.get("sections")
    return report["when"] == "call" or not passed_unnoticed


def _send(send: Callable[..., None], name: str, **told: Any) -> None:
    if name != "testreport" or told_of(told["data"]):
        send(name, **told)
