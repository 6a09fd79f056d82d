"""What is seen of subscriptions, stored on PostgreSQL: leases between processes, what is written, and what is thinned."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts the index on PostgreSQL.
from tests.unit.backlogs.test_asking import (  # noqa: F401
    no_rest,
    test_a_lease_that_nobody_renews_ends_by_itself_and_its_late_owner_writes_nothing,
    test_a_topic_that_is_gone_is_forgotten_but_not_what_was_seen_of_it,
    test_a_topic_that_the_store_refuses_keeps_its_last_figures_with_the_reason,
    test_many_who_want_figures_at_once_ask_once,
    test_what_a_poller_has_promised_to_ask_nobody_else_asks,
)
from tests.unit.backlogs.test_history import (  # noqa: F401
    test_a_second_look_of_the_same_moment_changes_nothing,
    test_above_the_limit_the_oldest_looks_of_a_rank_go_first,
    test_looks_come_back_oldest_first_since_a_time,
)
from tests.unit.backlogs.test_odd_names import (  # noqa: F401
    test_subscriptions_with_odd_names_are_told_and_their_looks_are_kept_like_any_other,
    test_what_cursors_with_odd_names_went_over_is_known_to_another_process,
)

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]
