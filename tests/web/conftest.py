"""What the tests of pages share."""

from collections.abc import Iterator

import pytest

from tests.web.desk import Desk, opened_desk


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened
