"""What was seen of cursors, on PostgreSQL: rows are locked there where SQLite locks the file."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts the index on PostgreSQL.
from tests.index.test_tracks import (  # noqa: F401
    test_a_recorded_reset_is_known_after_every_later_look,
    test_two_processes_that_look_in_turn_know_what_either_saw,
)

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]
