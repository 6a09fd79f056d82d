"""The order in which pytest-xdist hands out the test files: the longest first.

A file of minutes that begins last keeps one worker busy while the others have ended. Files that share an expensive fixture are
handed out together, so that one worker runs them all. One worker begins with files that compute, and the others with those
that wait for brokers, browsers and processes: while all of them wait, a processor has something to do.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xdist.scheduler import LoadFileScheduling

SECONDS = {
    "tests/browser/test_every_page.py": 101,
    "tests/fault/test_serve.py": 66,
    "tests/web/test_personal_data.py": 66,
    "tests/index/segments/test_merging.py": 48,
    "tests/broker/test_made_anew_index.py": 43,
    "tests/signin/test_callbacks_refused.py": 41,
    "tests/contract/test_subscriptions.py": 40,
    "tests/broker/test_fifty_deleted_topics.py": 38,
    "tests/browser/tail/test_tail_page_limits.py": 33,
    "tests/web/test_access_walk.py": 33,
    "tests/contract/test_cursor_reset.py": 32,
    "tests/fault/test_indexers.py": 30,
    "tests/contract/test_replays_whole.py": 29,
    "tests/fault/test_replays.py": 28,
    "tests/browser/test_reveals_end.py": 27,
    "tests/browser/test_story.py": 27,
    "tests/browser/tail/test_tail_page.py": 24,
    "tests/fault/test_credentials.py": 23,
    "tests/broker/test_credentials.py": 21,
    "tests/browser/test_outage.py": 21,
    "tests/fault/test_redrives.py": 21,
    "tests/web/tail_socket/test_what_flows.py": 21,
    "tests/contract/test_large_payloads.py": 20,
    "tests/production/test_behind_nginx.py": 20,
    "tests/fault/test_reset_processes.py": 19,
    "tests/broker/test_diagnosis.py": 18,
    "tests/broker/test_versions.py": 18,
    "tests/browser/test_sign_in.py": 18,
    "tests/broker/test_undo.py": 17,
    "tests/browser/test_by_hand.py": 16,
    "tests/browser/test_topic_search.py": 16,
    "tests/broker/test_deleted_topics.py": 15,
    "tests/broker/test_held_places.py": 15,
    "tests/browser/test_replay_story.py": 15,
    "tests/contract/test_index_on_postgres.py": 15,
    "tests/fault/test_streams_read_back.py": 15,
    "tests/browser/test_redrive.py": 14,
    "tests/index/segments/test_meanwhile.py": 14,
    "tests/web/test_personal_ids.py": 14,
    "tests/broker/test_dead_letters.py": 13,
    "tests/broker/test_delivery.py": 13,
    "tests/contract/test_acknowledging.py": 13,
    "tests/jobs/test_states.py": 13,
    "tests/broker/test_any_message.py": 12,
    "tests/broker/test_transactions.py": 12,
    "tests/browser/test_jobs.py": 12,
    "tests/contract/test_redriving.py": 12,
    "tests/index/check/test_check_differences.py": 12,
    "tests/index/rebuild/test_rebuild_meanwhile.py": 12,
    "tests/web/test_many.py": 12,
    "tests/broker/test_idle_readers.py": 11,
    "tests/broker/test_outage.py": 11,
    "tests/browser/test_case_story.py": 11,
    "tests/contract/test_replaying.py": 11,
    "tests/fault/test_audit_processes.py": 11,
    "tests/signin/test_with_keycloak.py": 11,
    "tests/broker/test_skips_undone.py": 10,
    "tests/browser/test_nothing_yet.py": 10,
    "tests/contract/test_hub.py": 10,
    "tests/unit/sockets/test_window.py": 10,
    "tests/web/tail_socket/test_filters_and_limits.py": 10,
    "tests/web/test_replays_asked.py": 10,
    "tests/web/test_scoped_tails.py": 10,
    "tests/browser/test_account_story.py": 9,
    "tests/browser/test_long_addresses.py": 9,
    "tests/contract/test_anomalies.py": 9,
    "tests/index/second_pass/test_meanwhile.py": 9,
    "tests/web/test_being_asked.py": 9,
    "tests/index/rebuild/test_rebuild.py": 8,
    "tests/security/test_hostile_requests.py": 8,
    "tests/security/test_peer_failures.py": 8,
    "tests/unit/test_printed_commands.py": 8,
}
"""File → about how long it takes on two cores, in four workers. Compare with ``pytest --durations=50`` now and then."""

TOGETHER = {
    "a realm in Keycloak": (
        "tests/browser/test_sign_in.py",
        "tests/signin/test_callbacks_refused.py",
        "tests/signin/test_with_keycloak.py",
    ),
    "a broker of their own": (
        "tests/broker/test_held_places.py",
        "tests/broker/test_made_anew_index.py",
        "tests/broker/test_outage.py",
        "tests/browser/test_outage.py",
        "tests/fault/test_indexers.py",
        "tests/fault/test_redrives.py",
        "tests/fault/test_replays.py",
    ),
    "a broker that asks who one is": (
        "tests/broker/test_credentials.py",
        "tests/broker/test_permissions.py",
        "tests/fault/test_credentials.py",
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
COMPUTING = ("tests/index/", "tests/jobs/", "tests/unit/", "tests/web/test_")
"""Beginnings of the paths of files that keep a processor busy nearly all the time."""


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile`` in this order. A file without a known duration counts by the number of its tests."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: dict[str, tuple[bool, float]] = {}

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        computes = node is self.nodes[0]
        self.workqueue.move_to_end(max(self.workqueue, key=lambda scope: self._worth(scope, computes)), last=False)
        super()._assign_work_unit(node)

    def _worth(self, scope: str, computes: bool) -> tuple[bool, float]:
        """The higher, the earlier, for a worker that begins with files that compute, or with those that wait."""
        if scope not in self.known:
            tests = self.workqueue[scope]
            self.known[scope] = next(iter(tests)).startswith(COMPUTING), seconds(tests)
        scope_computes, long = self.known[scope]
        return scope_computes is computes, long


def group(test: str) -> str:
    """What this test's file shares with others, or the file; the test is given by its node id."""
    file = test.partition("::")[0]
    return GROUPS.get(file, file)


def seconds(tests: Iterable[str]) -> float:
    """About how long these tests take, given by their node ids; all tests of each file are expected to be among them."""
    files = Counter(test.partition("::")[0] for test in tests)
    return sum(SECONDS.get(file, count * SECONDS_OF_A_TEST) for file, count in files.items())
