"""The order in which pytest-xdist hands out the test files: the longest first.

A file of minutes that begins last keeps one worker busy while the others have ended. Files that share an expensive fixture are
handed out together, so that one worker runs them all.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xdist.scheduler import LoadFileScheduling

SECONDS = {
    "tests/fault/test_serve.py": 110,
    "tests/fault/test_streams_read_back.py": 60,
    "tests/fault/test_reset_processes.py": 60,
    "tests/web/test_commands_refused.py": 80,
    "tests/fault/test_indexers.py": 120,
    "tests/browser/test_tail_outages.py": 80,
    "tests/fault/test_serve_refused.py": 60,
    "tests/browser/test_every_page.py": 60,
    "tests/browser/test_outage.py": 50,
    "tests/broker/test_outage.py": 50,
    "tests/web/test_access_walk.py": 40,
    "tests/browser/tail/test_tail_page.py": 40,
    "tests/browser/tail/test_tail_page_limits.py": 40,
    "tests/browser/test_topic_search.py": 40,
    "tests/contract/test_concurrent_appenders.py": 35,
    "tests/web/test_hostile_filters.py": 30,
    "tests/browser/test_hostile.py": 30,
    "tests/browser/test_story.py": 30,
    "tests/browser/test_tail_load.py": 30,
    "tests/web/test_events.py": 30,
    "tests/index/rebuild/test_rebuild_meanwhile.py": 30,
    "tests/index/test_stream_keys.py": 25,
    "tests/broker/test_care.py": 25,
    "tests/unit/tail/test_sampling.py": 20,
    "tests/unit/setup/test_demo.py": 20,
    "tests/web/tail_socket/test_who_gets_in.py": 20,
    "tests/web/tail_socket/test_what_flows.py": 15,
    "tests/web/tail_socket/test_filters_and_limits.py": 15,
    "tests/fault/test_audit_processes.py": 15,
    "tests/unit/tail/test_expensive_filters.py": 15,
    "tests/unit/search/test_cost_budget.py": 10,
}
"""File → about how long it takes on two cores. Compare with ``pytest --durations=50`` now and then."""

TOGETHER = {
    "a broker of their own": (
        "tests/broker/test_outage.py",
        "tests/browser/test_outage.py",
        "tests/fault/test_indexers.py",
    ),
    "a desk whose tails are watched": (
        "tests/web/tail_socket/test_who_gets_in.py",
        "tests/web/tail_socket/test_what_flows.py",
        "tests/web/tail_socket/test_filters_and_limits.py",
    ),
}
"""What is shared → the files that share it."""

GROUPS = {file: what for what, files in TOGETHER.items() for file in files}
SECONDS_OF_A_TEST = 0.1


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile`` in this order. A file without a known duration counts by the number of its tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return GROUPS.get(file, file)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=lambda scope: seconds(self.workqueue[scope])), last=False)
        super()._assign_work_unit(node)


def seconds(tests: Iterable[str]) -> float:
    """About how long these tests take, given by their node ids; all tests of each file are expected to be among them."""
    files = Counter(test.partition("::")[0] for test in tests)
    return sum(SECONDS.get(file, count * SECONDS_OF_A_TEST) for file, count in files.items())
