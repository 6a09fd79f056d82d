"""A database that was removed under a running process, or never migrated: pages, /readyz and the indexer say what to run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from eventstore.index.indexer.run import Following, index_until_caught_up, run_until_stopped
from eventstore.index.tables import database
from eventstore.model.errors import IndexReplaced
from tests.web.desk import Desk, forget_everything, text

PAGES = ("/", "/topics/", "/aggregates/", "/aggregates/?q=nobody", "/aggregates/patient/4711/", "/index/", "/subscriptions/")


@contextmanager
def removed(alias: str, folder: Path) -> Iterator[None]:
    """SQLite makes a file that was removed anew when it is opened: empty."""
    connection = connections[alias]
    connection.close()
    before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], str(folder / "made-anew.sqlite3")
    forget_everything()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        forget_everything()


@pytest.mark.parametrize("alias", ["default", "index", "store"])
def test_every_page_names_what_makes_the_tables_and_readyz_is_not_ready(desk: Desk, tmp_path: Path, alias: str) -> None:
    desk.publish(2)
    desk.client()
    with removed(alias, tmp_path):
        answers = {url: desk.get(url) for url in PAGES}
        ready: HttpResponse = Client().get("/readyz")  # type: ignore[assignment]
    wrong = {url for url, answer in answers.items() if f"python manage.py migrate --database {alias}" not in text(answer)}
    assert wrong == set()
    assert {answer.status_code for answer in answers.values()} <= {200, 503}, "200: another database knows the page's content"
    assert ready.status_code == 503
    assert f'"{alias}": "lacks tables"' in ready.content.decode()
    assert Client().get("/readyz").status_code == 200
    assert desk.get("/").status_code == 200


def test_a_fragment_has_the_whole_page_loaded(desk: Desk, tmp_path: Path) -> None:
    desk.publish(2)
    desk.client()
    with removed("index", tmp_path):
        answer = desk.get("/index/", fragment=True)
    assert (answer.status_code, answer["HX-Refresh"]) == (503, "true")


def following(desk: Desk, stop: threading.Event) -> Following:
    return Following(storage=desk.faces.store, config=desk.faces.config, stop=stop, on_batch=lambda *what: stop.set())


def test_an_indexer_whose_file_is_another_one_ends_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(2)
    identities = [(1, 1), (1, 1), (1, 2)]
    monkeypatch.setattr("eventstore.index.tables.database.file_identity", lambda: identities.pop(0))
    with pytest.raises(IndexReplaced, match=r"removed or replaced .* migrate --database index"):
        run_until_stopped(following(desk, threading.Event()))


def test_so_does_one_that_is_to_catch_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.log.create_topic("patients")
    from tests.web.desk import event

    desk.log.append("patients", [event(1)])
    identities = [(1, 1), (0, 0)]
    monkeypatch.setattr("eventstore.index.tables.database.file_identity", lambda: identities.pop(0))
    with pytest.raises(IndexReplaced):
        index_until_caught_up(following(desk, threading.Event()))


def test_a_file_is_known_by_device_and_inode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "index.sqlite3"
    monkeypatch.setitem(database.connection().settings_dict, "NAME", str(file))
    assert database.file_identity() == (0, 0)
    file.write_bytes(b"")
    found = file.stat()
    assert database.file_identity() == (found.st_dev, found.st_ino)
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / "other").rename(file)
    assert database.file_identity() != (found.st_dev, found.st_ino)
