"""The check of an index on PostgreSQL: the tests that run on SQLite, collected here once more."""

import pytest

from tests.index.test_check import *  # noqa: F403

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]  # type: ignore[assignment] # instead of theirs
