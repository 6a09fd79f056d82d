"""Codes and logins at the same moment on PostgreSQL: rows are locked there where SQLite locks the file."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts accounts and sessions on PostgreSQL.
from tests.web.test_enrolment import no_proxies, test_two_enrolments_at_once_make_one_device  # noqa: F401
from tests.web.test_login_limit import test_attempts_at_the_same_moment_do_not_pass_the_limit_together  # noqa: F401
from tests.web.test_second_factor import (  # noqa: F401
    test_one_code_that_is_sent_many_times_at_once_lets_in_once,
    test_wrong_codes_at_once_do_not_pass_the_limit_together_and_then_the_right_one_has_to_wait,
)

pytestmark = [pytest.mark.usefixtures("desk_on_postgres"), pytest.mark.postgres]
