"""How a place is noted at which a cursor stood, now and by the version before."""

import pytest

from eventstore.drivers.pulsar.copying.held import parsed, standing

NOTHING = (-1, -1)


@pytest.mark.parametrize("name", ["mailer", "team:mailer", "7:8", "with a space", "two\nlines", ""])
def test_what_is_noted_is_read_as_it_was_and_so_is_what_the_version_before_has_noted(name: str) -> None:
    cursor = {"cursorLedger": 12, "cursorLedgerLastEntry": 3, "markDeletePosition": "14:-1"}
    (noted,) = standing({"cursors": {name: cursor}})
    assert parsed(noted) == (name, (12, 3), (14, -1))
    assert parsed(f"{name} 12:3") == (name, (12, 3), NOTHING)


def test_a_reader_and_a_cursor_without_a_mark_are_noted_too() -> None:
    reader, unmarked = {"markDeletePosition": "14:2"}, {"cursorLedger": 12, "cursorLedgerLastEntry": 3}
    noted = standing({"cursors": {"reader": reader, "mailer": unmarked}})
    assert [parsed(one) for one in noted] == [("mailer", (12, 3), NOTHING), ("reader", NOTHING, (14, 2))]


def test_what_is_neither_holds_nothing() -> None:
    assert parsed("mailer") == parsed("mailer 12") == ("", NOTHING, NOTHING)
