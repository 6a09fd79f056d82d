"""Before an installation looks at its tables, it waits for the databases, and their encoding is checked."""

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from dashboard.observing.management.commands import wait_for_databases
from dashboard.setup.system_checks import check_encoding
from scripts.local_postgres import PostgresAddress
from scripts.ports import free_port
from tests.postgres_fixture import alias_on
from tests.web.test_commands import run

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_databases_that_answer_are_not_waited_for() -> None:
    assert run("wait_for_databases")[:2] == (0, "The databases answer.\n")


def test_one_that_is_away_is_waited_for_and_named_without_its_password() -> None:
    url = f"postgresql://eventdesk:p4ssw0rd@127.0.0.1:{free_port()}/desk"
    with alias_on("index", url), pytest.raises(CommandError, match=r"'index' does not let the desk in: .*refused") as failed:
        run("wait_for_databases", "--seconds", "0")
    assert "p4ssw0rd" not in str(failed.value)


class Noticed(io.StringIO):
    """What is written to it, and what happens then."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self.then = then

    def write(self, text: str) -> int:
        self.then()
        return super().write(text)


def test_it_goes_on_as_soon_as_the_database_is_there(
    postgres_server: PostgresAddress, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_for_databases, "PAUSE", 0.01)
    name, out = f"late-{worker_id}", io.StringIO()
    said = Noticed(lambda: postgres_server.create_database(name))
    with alias_on("default", postgres_server.url(name)):
        call_command("wait_for_databases", "--seconds", "60", stdout=out, stderr=said)
    assert out.getvalue() == "The databases answer.\n"
    assert said.getvalue().endswith("does not exist. Trying again.\n")


def test_a_database_that_cannot_hold_every_text_is_named(postgres_server: PostgresAddress, worker_id: str) -> None:
    assert check_encoding(app_configs=None) == []
    options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    with alias_on("index", postgres_server.create_database(f"ascii-{worker_id}", options)):
        [warning] = check_encoding(app_configs=None)
    assert "'index' has the encoding SQL_ASCII" in warning.msg
    with alias_on("default", postgres_server.create_database(f"utf8-{worker_id}")):
        assert check_encoding(app_configs=None) == []
