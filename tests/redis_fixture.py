"""A Redis for one test, which may stop it."""

from collections.abc import Iterator

import pytest

from scripts.local_redis import LocalRedis, program
from tests.broker_fixture import left_out


@pytest.fixture
def redis_server() -> Iterator[LocalRedis]:
    """Where Redis is not installed, the test is skipped with the reason; in CI it fails."""
    if program() is None:
        left_out("the tests of hints need Redis (Debian: apt-get install redis-server)")
    with LocalRedis() as server:
        yield server
