"""The command that tells supervisors whether index, jobs and seals run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from eventstore.index.indexer import leases
from eventstore.jobs.running import queue
from tests.web.desk import Desk, opened_desk


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def test_it_names_what_does_not_run_and_is_content_with_what_does(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match=r"No index process runs .* No job process runs"):
        call_command("check_running")
    leases.heartbeat("an indexer", wants_more=False)
    with pytest.raises(CommandError, match=r"\ANo job process runs \(run_jobs\)\.\Z"):
        call_command("check_running")
    queue.heartbeat("a worker", ["replay"])
    call_command("check_running")
    call_command("check_running", "index")
    assert capsys.readouterr().out == "index, jobs, seals: running\nindex: running\n"


def test_seals_that_cannot_be_read_are_not_called_missing(desk: Desk, tmp_path: Path, settings: Any) -> None:
    settings.EVENTDESK_SEALS, settings.EVENTDESK_SEAL_PUBLIC_KEY = f"{tmp_path}/seals", f"{tmp_path}/seal.pub"
    with pytest.raises(CommandError, match=r"cannot be told: The public key .*seal\.pub cannot be read"):
        call_command("check_running", "seals")


def test_a_part_that_there_is_not_is_refused(desk: Desk) -> None:
    with pytest.raises(CommandError, match="There is no part 'web'"):
        call_command("check_running", "web")
