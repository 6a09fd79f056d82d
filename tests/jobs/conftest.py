"""What the tests of jobs share."""

import pytest

from eventstore.jobs.face import JobFace
from tests.jobs.kinds import Acts, face_of


@pytest.fixture
def record() -> Acts:
    return Acts()


@pytest.fixture
def jobs(desk_databases: dict[str, str], record: Acts) -> JobFace:
    return face_of(record)
