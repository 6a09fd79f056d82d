"""An index whose segments and groups are small."""

import pytest

from eventstore.index.check import keys
from eventstore.index.lookup import stream_keys
from eventstore.index.segments import merging, numbers
from eventstore.index.writing import duplicates
from tests.index.segments.material import A_SEGMENT, BEHIND, GROUP


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either_database(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> None:
    if request.param == "postgres":
        request.getfixturevalue("index_on_postgres")


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of three segments of some events, merged once two more are begun."""
    for module in (numbers, merging, stream_keys, keys):
        monkeypatch.setattr(module, "GROUP", GROUP)
    monkeypatch.setattr(merging, "BEHIND", BEHIND)
    monkeypatch.setattr(stream_keys, "MOST_GROUPS", 4)
    monkeypatch.setattr(duplicates, "EVENTS_PER_SEGMENT", A_SEGMENT)
    monkeypatch.setattr(duplicates, "SEGMENTS_PER_FILTER", GROUP)
    monkeypatch.setattr(duplicates, "BITS", 1 << 12)
    monkeypatch.setattr(duplicates, "COUNT_AGAIN", -1.0)
