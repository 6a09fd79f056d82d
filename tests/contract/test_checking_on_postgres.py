"""The check of an index on PostgreSQL: the tests that run on SQLite, collected here once more.

They belong to the soak, as they take more than a minute.
"""

import pytest

from tests.index.check.conftest import *  # noqa: F403
from tests.index.check.test_check import *  # noqa: F403
from tests.index.check.test_check_differences import *  # noqa: F403
from tests.index.check.test_check_limits import *  # noqa: F403

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres, pytest.mark.soak]  # type: ignore[assignment] # instead of theirs
