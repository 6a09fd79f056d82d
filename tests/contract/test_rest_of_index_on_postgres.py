"""The rest of the index's tests on PostgreSQL. They run with the soak, because they take minutes and similar ones run
every time."""

import pytest

# The tests that run on SQLite, collected here once more: this module's fixture puts the index on PostgreSQL.
from tests.index.conftest import *  # noqa: F403
from tests.index.test_anomalies import *  # noqa: F403
from tests.index.test_duplicate_filters import *  # noqa: F403
from tests.index.test_duplicates import *  # noqa: F403
from tests.index.test_ordinals import *  # noqa: F403
from tests.index.test_stream_keys import *  # noqa: F403

pytestmark = [  # type: ignore[assignment] # instead of theirs
    pytest.mark.usefixtures("index_on_postgres"),
    pytest.mark.postgres,
    pytest.mark.soak,
]
