"""The order in which pytest-xdist hands out the test files: the longest first.

A file of minutes that begins last keeps one worker busy while the others have ended. Files that share an expensive fixture are
handed out together, so that one worker runs them all.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xdist.scheduler import LoadFileScheduling

SECONDS = {
    "tests/browser/test_every_page.py": 228,
    "tests/fault/test_serve.py": 90,
    "tests/browser/test_sign_in.py": 50,
    "tests/broker/test_fifty_deleted_topics.py": 131,
    "tests/browser/test_story.py": 81,
    "tests/fault/test_indexers.py": 69,
    "tests/fault/test_replays.py": 55,
    "tests/broker/test_made_anew_index.py": 53,
    "tests/browser/test_hostile.py": 50,
    "tests/contract/test_replaying.py": 44,
    "tests/contract/test_replays_whole.py": 37,
    "tests/browser/test_tail_outages.py": 50,
    "tests/contract/test_subscriptions.py": 49,
    "tests/browser/test_topic_search.py": 46,
    "tests/fault/test_reset_processes.py": 46,
    "tests/fault/test_redrives.py": 43,
    "tests/browser/tail/test_tail_page_limits.py": 41,
    "tests/browser/test_outage.py": 39,
    "tests/contract/test_cursor_reset.py": 39,
    "tests/contract/test_redriving.py": 36,
    "tests/contract/test_large_payloads.py": 36,
    "tests/browser/tail/test_tail_page.py": 35,
    "tests/browser/test_by_hand.py": 32,
    "tests/jobs/test_states.py": 31,
    "tests/browser/test_blocking_event.py": 30,
    "tests/browser/test_redrive.py": 30,
    "tests/fault/test_streams_read_back.py": 27,
    "tests/fault/test_credentials.py": 24,
    "tests/contract/test_index_on_postgres.py": 25,
    "tests/contract/test_unknown_and_hostile_names.py": 24,
    "tests/index/rebuild/test_rebuild.py": 21,
    "tests/contract/test_batches_of_events.py": 21,
    "tests/web/test_commands_refused.py": 21,
    "tests/broker/test_transactions.py": 21,
    "tests/broker/test_undo.py": 21,
    "tests/index/rebuild/test_rebuild_meanwhile.py": 20,
    "tests/web/tail_socket/test_what_flows.py": 20,
    "tests/contract/test_read.py": 20,
    "tests/broker/test_outage.py": 19,
    "tests/broker/test_versions.py": 19,
    "tests/contract/test_hub.py": 19,
    "tests/broker/test_diagnosis.py": 19,
    "tests/browser/test_long_addresses.py": 18,
    "tests/web/test_access_walk.py": 40,
    "tests/contract/test_anomalies.py": 17,
    "tests/browser/test_jobs.py": 16,
    "tests/contract/test_acknowledging.py": 16,
    "tests/web/test_stream_filter.py": 16,
    "tests/web/tail_socket/test_filters_and_limits.py": 16,
    "tests/fault/test_killed_workers.py": 16,
    "tests/broker/test_credentials.py": 20,
    "tests/broker/test_dead_letters.py": 15,
    "tests/broker/test_any_message.py": 15,
    "tests/broker/test_deleted_topics.py": 15,
    "tests/index/test_batches_of_events.py": 15,
    "tests/index/test_indexer_topics.py": 14,
    "tests/broker/test_delivery.py": 14,
    "tests/index/test_indexer_run.py": 14,
    "tests/web/test_cursor_resets.py": 14,
    "tests/web/test_events.py": 13,
    "tests/index/check/test_check_differences.py": 13,
    "tests/contract/test_concurrent_appenders.py": 13,
    "tests/index/test_indexers_together.py": 12,
    "tests/fault/test_audit_processes.py": 12,
    "tests/web/test_skips.py": 12,
    "tests/broker/test_keys_and_values.py": 12,
    "tests/web/test_finding.py": 12,
    "tests/unit/sockets/test_window.py": 12,
    "tests/web/test_hostile_filters.py": 12,
}
"""File → about how long it takes on two cores. Compare with ``pytest --durations=50`` now and then."""

TOGETHER = {
    "a realm in Keycloak": (
        "tests/browser/test_sign_in.py",
        "tests/signin/test_callbacks_refused.py",
        "tests/signin/test_with_keycloak.py",
    ),
    "a broker of their own": (
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


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile`` in this order. A file without a known duration counts by the number of its tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=lambda scope: seconds(self.workqueue[scope])), last=False)
        super()._assign_work_unit(node)


def group(test: str) -> str:
    """What this test's file shares with others, or the file; the test is given by its node id."""
    file = test.partition("::")[0]
    return GROUPS.get(file, file)


def seconds(tests: Iterable[str]) -> float:
    """About how long these tests take, given by their node ids; all tests of each file are expected to be among them."""
    files = Counter(test.partition("::")[0] for test in tests)
    return sum(SECONDS.get(file, count * SECONDS_OF_A_TEST) for file, count in files.items())
