"""What the tests of searches share."""

import pytest

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.scanning import partition_reader


@pytest.fixture
def log() -> UnfoldedLog:
    return UnfoldedLog(DatabaseLog())


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten messages per piece, so that small topics have several."""
    for name in ("SMALLEST", "FIRST", "FIRST_FORWARD", "LARGEST"):
        monkeypatch.setattr(partition_reader, name, 10)
