"""The index's file is removed under running processes: the indexer ends, and what to run is named until it was run."""

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.desk_process import Desk
from tests.publisher import Publisher


def ready(desk: Desk) -> tuple[int, str]:
    try:
        with urlopen(f"{desk.url}readyz", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_an_indexer_ends_when_its_file_is_removed_and_readyz_says_so_until_it_is_made_anew(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        Publisher(desk).publish("documents", 0, 3, document="d1")
        for file in tmp_path.glob("index.sqlite3*"):
            file.unlink()
        assert desk.processes["index"].wait(timeout=30) == 1
        assert "was removed or replaced while this indexer wrote to it" in desk.log("index")
        assert "python manage.py migrate --database index" in desk.log("index")
        assert desk.log("index").count("Traceback") == 0
        status, body = ready(desk)
        assert (status, '"index": "lacks tables"' in body) == (503, True)
        desk.manage("migrate", "--database", "index")
        assert desk.manage("run_index", "--until-caught-up").stdout == b"3 events indexed\n"
        assert ready(desk)[0] == 200
