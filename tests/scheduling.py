"""The order in which pytest-xdist hands out the test files: the longest first.

A file of minutes that begins last keeps one worker busy while the others have ended. Files that share an expensive fixture are
handed out together, so that one worker runs them all.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xdist.scheduler import LoadFileScheduling

SECONDS = {
    "tests/browser/test_every_page.py": 96,
    "tests/fault/test_serve.py": 51,
    "tests/signin/test_callbacks_refused.py": 38,
    "tests/web/test_personal_data.py": 45,
    "tests/broker/test_made_anew_index.py": 42,
    "tests/browser/test_reveals_end.py": 36,
    "tests/broker/test_fifty_deleted_topics.py": 34,
    "tests/contract/test_subscriptions.py": 34,
    "tests/browser/tail/test_tail_page_limits.py": 32,
    "tests/contract/test_replays_whole.py": 32,
    "tests/browser/test_by_hand.py": 29,
    "tests/browser/test_story.py": 29,
    "tests/contract/test_cursor_reset.py": 29,
    "tests/fault/test_indexers.py": 28,
    "tests/fault/test_replays.py": 28,
    "tests/browser/test_sign_in.py": 26,
    "tests/production/test_behind_nginx.py": 26,
    "tests/web/test_access_walk.py": 26,
    "tests/browser/tail/test_tail_page.py": 25,
    "tests/fault/test_reset_processes.py": 25,
    "tests/browser/test_topic_search.py": 22,
    "tests/broker/test_credentials.py": 21,
    "tests/contract/test_large_payloads.py": 20,
    "tests/fault/test_redrives.py": 20,
    "tests/broker/test_diagnosis.py": 19,
    "tests/broker/test_undo.py": 19,
    "tests/broker/test_versions.py": 18,
    "tests/web/tail_socket/test_what_flows.py": 17,
    "tests/browser/test_jobs.py": 16,
    "tests/jobs/test_states.py": 16,
    "tests/signin/test_with_keycloak.py": 8,
    "tests/browser/test_replay_story.py": 15,
    "tests/broker/test_deleted_topics.py": 14,
    "tests/broker/test_held_places.py": 14,
    "tests/fault/test_credentials.py": 14,
    "tests/fault/test_streams_read_back.py": 14,
    "tests/broker/test_any_message.py": 13,
    "tests/broker/test_delivery.py": 13,
    "tests/browser/test_redrive.py": 13,
    "tests/fault/test_audit_processes.py": 13,
    "tests/web/test_scoped_tails.py": 13,
    "tests/broker/test_outage.py": 12,
    "tests/browser/test_case_story.py": 12,
    "tests/browser/test_outage.py": 12,
    "tests/contract/test_acknowledging.py": 12,
    "tests/index/rebuild/test_rebuild_meanwhile.py": 12,
    "tests/web/test_personal_ids.py": 12,
    "tests/broker/test_idle_readers.py": 11,
    "tests/contract/test_index_on_postgres.py": 11,
    "tests/contract/test_redriving.py": 11,
    "tests/index/rebuild/test_rebuild.py": 11,
    "tests/security/test_peer_failures.py": 11,
    "tests/web/test_many.py": 11,
    "tests/web/test_replays_asked.py": 11,
    "tests/broker/test_dead_letters.py": 10,
    "tests/broker/test_skips_undone.py": 10,
    "tests/broker/test_transactions.py": 10,
    "tests/browser/test_nothing_yet.py": 10,
    "tests/contract/test_replaying.py": 10,
    "tests/security/test_hostile_requests.py": 10,
    "tests/unit/sockets/test_window.py": 10,
    "tests/web/tail_socket/test_filters_and_limits.py": 10,
    "tests/web/test_masking_oracle.py": 10,
    "tests/browser/test_account_story.py": 8,
    "tests/browser/test_long_addresses.py": 8,
    "tests/contract/test_hub.py": 8,
    "tests/index/test_indexer_run.py": 8,
    "tests/web/test_being_asked.py": 8,
    "tests/web/test_commands.py": 8,
}
"""File → about how long it takes on two cores. Compare with ``pytest --durations=50`` now and then."""

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


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile`` in this order. A file without a known duration counts by the number of its tests."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: dict[str, float] = {}

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=self._seconds), last=False)
        super()._assign_work_unit(node)

    def _seconds(self, scope: str) -> float:
        if scope not in self.known:
            self.known[scope] = seconds(self.workqueue[scope])
        return self.known[scope]


def group(test: str) -> str:
    """What this test's file shares with others, or the file; the test is given by its node id."""
    file = test.partition("::")[0]
    return GROUPS.get(file, file)


def seconds(tests: Iterable[str]) -> float:
    """About how long these tests take, given by their node ids; all tests of each file are expected to be among them."""
    files = Counter(test.partition("::")[0] for test in tests)
    return sum(SECONDS.get(file, count * SECONDS_OF_A_TEST) for file, count in files.items())
