"""Dead letters from an index on PostgreSQL, which orders texts and takes parameters in its own way."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts the index on PostgreSQL.
from tests.index.letters.test_letters import (  # noqa: F401
    test_an_original_is_found_by_the_place_in_either_clients_spelling_or_by_the_letters_own_id,
    test_letters_of_one_batch_are_counted_together_and_others_are_alone,
    test_letters_that_name_another_topic_or_subscription_are_not_of_this_one,
    test_pages_go_on_and_back_over_what_waits_oldest_first,
)

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]
