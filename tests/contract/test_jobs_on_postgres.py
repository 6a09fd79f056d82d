"""Jobs and their leases on PostgreSQL: rows are locked there where SQLite locks the file."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts the jobs on PostgreSQL.
from tests.jobs.conftest import jobs, record  # noqa: F401
from tests.jobs.test_approval import (  # noqa: F401
    test_only_another_person_approves_only_that_plan_only_while_it_is_good_and_only_in_time,
    test_what_was_not_approved_in_time_ends_and_keeps_nothing_busy,
)
from tests.jobs.test_leases import (  # noqa: F401
    job,
    test_a_cancellation_between_the_last_save_and_the_giving_back_is_not_lost,
    test_a_worker_that_wakes_after_its_lease_has_passed_changes_nothing,
    test_of_two_workers_one_gets_the_job,
    test_workers_at_the_same_moment_take_each_job_once,
)
from tests.jobs.test_life import (  # noqa: F401
    test_a_failed_job_is_not_resumed_while_another_one_has_its_resource,
    test_a_store_that_is_away_is_tried_again_later_and_at_once_if_somebody_says_so,
    test_while_a_job_has_not_ended_nothing_else_acts_on_its_resource,
)
from tests.jobs.test_looking import test_texts_that_a_database_cannot_hold_survive_in_names_and_arguments  # noqa: F401

pytestmark = [pytest.mark.usefixtures("desk_on_postgres"), pytest.mark.postgres]
