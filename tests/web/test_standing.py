"""What pages know of the store without asking it: what others have found."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard import standing
from dashboard.standing import StoreStanding
from tests.web.desk import Desk, opened_desk


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        standing.forget()
        yield opened
    standing.forget()


def test_what_one_page_has_found_others_say_too(desk: Desk) -> None:
    assert standing.known_away() is None  # it was asked just now, and answered
    standing.note_away("The broker does not answer.")
    assert str(standing.known_away()) == "The broker does not answer."


def test_it_is_asked_about_again_however_often_it_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = timezone.now() - standing.FRESH - timedelta(seconds=1)
    monkeypatch.setattr(standing, "_last", StoreStanding(reachable=False, words="away", as_of=before))
    standing.note_away("away")
    assert standing.known_away() is None  # it is back
