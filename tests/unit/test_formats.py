"""docs/formats.md is true: each row has its recording, and says what the desk makes of the recorded bytes."""

import pytest

from tests.unit import formats

ROWS = formats.rows(formats.PAGE.read_text(encoding="utf-8"))


def test_every_recording_has_a_row_and_every_row_a_recording() -> None:
    assert sorted(ROWS) == formats.names()


@pytest.mark.parametrize("name", formats.names())
def test_the_row_says_what_the_desk_makes_of_the_recorded_bytes(name: str) -> None:
    assert ROWS[name]["What the desk makes of it"].replace("\\|", "|") == formats.described(formats.as_read(name))


@pytest.mark.parametrize("name", formats.names())
def test_the_row_names_the_producer_and_version_of_its_recording(name: str) -> None:
    recorded = formats.recording(name)
    assert ROWS[name]["Producer"] == f"{recorded['producer']}: {recorded['version']}"
    assert recorded["made"]
