"""Pages say which searchable values older events do not have yet, to those who may search for them."""

import threading

import pytest
from django.conf import settings

from eventstore.config.searchable_values import values_by
from eventstore.index.models import IndexedPartition
from eventstore.index.second_pass import pieces, run
from eventstore.index.second_pass.pieces import Passed, pass_piece
from eventstore.index.second_pass.run import Passing, pass_all
from eventstore.index.tables.blocks import FULL
from tests.web.desk import Desk, text
from tests.web.finding import search
from tests.web.test_finding_by_value import registered

COUNT = 2 * FULL
SAID = "Searchable values city: being built, {0}, email: being built, {0}."


def half_built(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two blocks has the values that are declared now."""
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    stop = threading.Event()
    values_of = values_by(desk.faces.config.searchables, settings.EVENTDESK_HASH_KEY)
    work = Passing(storage=desk.faces.store, config=desk.faces.config, values_of=values_of, stop=stop)

    def one_piece(passed: Passed) -> int | None:
        done = pass_piece(passed)
        stop.set()
        return done

    monkeypatch.setattr(run, "pass_piece", one_piece)
    pass_all(work)


def test_every_page_with_such_a_value_says_how_far_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(desk, *[(f"p-{n % 5}", f"a{n}@example.org") for n in range(COUNT)])
    with desk.searchable():
        half_built(desk, monkeypatch)
        said = SAID.format("50 %")
        assert said in text(search(desk, f"a{COUNT - 1}@example.org"))
        assert "email (being built, 50 %)" in desk.get("/").content.decode()
        for url in ("/topics/patients/", "/aggregates/patient/p-1/", "/events/e-1/"):
            assert said in text(desk.get(url)), url
            assert "being built" not in text(desk.get(url, "viewer")), url
        assert "searchable values (city, email): being built, 50 %" in text(desk.get("/index/"))
        assert "searchable values: being built, 50 %" in text(desk.get("/index/", "viewer"))
        assert said in text(desk.get("/aggregates/patient/p-1/erasure/", "privacy"))


def test_once_it_is_built_nothing_is_said_any_more(desk: Desk) -> None:
    with desk.searchable():
        registered(desk, ("p-1", "erika@example.org"))
        for url in ("/topics/patients/", "/", "/index/", "/aggregates/?q=nobody"):
            assert "being built" not in desk.get(url).content.decode(), url


def test_the_index_says_that_what_is_not_declared_any_more_is_being_removed(desk: Desk) -> None:
    with desk.searchable():
        registered(desk, ("p-1", "erika@example.org"))
    page = text(desk.get("/index/"))
    assert "searchable values: those no longer declared are being removed, 0 % (no indexer is at it now)" in page
    IndexedPartition.objects.update(declared="")
    desk.faces.values.forget()
    page = text(desk.get("/index/"))
    assert "searchable values: older events are checked for undeclared ones, 0 %" in page
