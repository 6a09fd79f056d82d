"""No command prints personal data, whoever runs it, nor writes any to the log."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands

from tests.people import everybody
from tests.planted_replay import JOB
from tests.web.desk import TOPIC, Desk
from tests.web.walk.logged import everything_logged
from tests.web.walk.markers import MARKERS
from tests.web.walk.planted import MAPPED, ODD, PATIENT, PROJECTION, furnished

OURS = ("dashboard", "eventstore")
NOT_RUN = {"serve", "seed_demo", "run_demo_app", "run_demo_traffic"}
"""Servers, and the demo's own."""
PLAN = ["--projection", PROJECTION]
COMMANDS: Mapping[str, Sequence[Sequence[str]]] = {
    "allow_logins": [["--name", "viewer"], ["--name", "nobody"]],
    "change_account": [
        ["viewer", "--disable", "--reason", "asked"],
        ["viewer", "--enable", "--new-password", "--reason", "asked"],
        ["nobody", "--role", "admin", "--reason", "asked"],
    ],
    "check_running": [[], ["index"], ["nowhere"]],
    "check_index": [[], ["--topic", ODD], ["--topic", "nowhere"]],
    "create_token": [["walk", "--role", "viewer", "--days", "1"]],
    "create_user": [["viewer", "--role", "viewer"]],
    "end_sessions": [["viewer", "--reason", "asked"], ["nobody", "--reason", "asked", "--as", "viewer"]],
    "forget_values": [
        ["--type", "patient", "--id", PATIENT, "--ticket", "SUP-1", "--reason", "asked", "--as", "viewer"],
        ["--type", "patient", "--id", PATIENT, "--ticket", "SUP-1", "--reason", "asked", "--as", "privacy"],
        ["--type", MAPPED, "--id", "nobody", "--ticket", "SUP-1", "--reason", "asked", "--as", "privacy"],
    ],
    "import_events": [["FILE"], ["FILE", "--topic", TOPIC], ["nowhere.json"]],
    "list_tokens": [[]],
    "rebuild_index": [["--topic", ODD], ["--topic", MAPPED]],
    "make_seal_key": [["NEW.key", "--record", "desk.example.org/record"]],
    "replay": [
        ["plan", PROJECTION, "--aggregate", "patient", PATIENT],
        ["plan", PROJECTION, "--filter", "data.name~z"],
        ["status"],
        ["status", JOB],
        ["approve", JOB, "--as", "viewer"],
        ["pause", JOB, "--as", "viewer", "--reason", "SUP-1"],
        ["cancel", JOB, "--as", "support", "--reason", "SUP-1"],
    ],
    "revoke_token": [["walk"], ["nobody"]],
    "remove_totp": [["viewer", "--reason", "asked"], ["nobody", "--reason", "asked"]],
    "run_index": [["--until-caught-up"]],
    "run_jobs": [["--until-idle"]],
    "seal_record": [[]],
    "set_groups": [["viewer", "--none", "--reason", "asked"], ["nobody", "--group", "x", "--reason", "asked"]],
    "set_email": [["viewer", "--email", "viewer@example.org"], ["nobody", "--remove"]],
    "wait_for_databases": [[]],
    "verify_record": [["--export", "NEW.ndjson"]],
}
"""Every command of ours, with what it is asked: plausible things, and wrong ones. ``FILE`` is a file of damaged events,
``NEW`` begins the name of a new one."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished() as opened:
        everybody()
        yield opened


def test_the_table_has_every_command() -> None:
    assert set(COMMANDS) | NOT_RUN == {name for name, app in get_commands().items() if str(app).startswith(OURS)}


def test_no_command_prints_personal_data(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "FILE").write_bytes(damaged_events())
    printed: dict[str, str] = {}
    with everything_logged() as lines:
        for name, all_arguments in COMMANDS.items():
            for arguments in all_arguments:
                given = [str(tmp_path / one) if one.startswith(("FILE", "NEW")) else one for one in arguments]
                printed[" ".join([name, *arguments])] = run(name, given)
    printed |= {file.name: file.read_text() for file in tmp_path.iterdir() if file.name != "FILE"}
    assert all(printed.values()), [command for command, text in printed.items() if not text]
    assert {command: MARKERS.found_in(text) for command, text in printed.items() if MARKERS.found_in(text)} == {}
    assert [line for line in lines if MARKERS.found_in(line)] == []


def run(command: str, arguments: Sequence[str]) -> str:
    """What the command prints, on either output, and how it fails."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        try:
            call_command(command, *arguments)
        except (CommandError, SystemExit) as ended:
            output.write(f"{type(ended).__name__}: {ended}")
    return output.getvalue()


def damaged_events() -> bytes:
    word = MARKERS.word
    whole = {"specversion": "1.0", "id": "i", "type": "T", "source": "/s", "aggregatetype": "a", "aggregateid": "1"}
    lines: Sequence[object] = [
        {**whole, "data": {"name": word("an imported name")}},
        {**whole, "id": "i2", "time": word("an imported time")},
        {**whole, "id": [word("an imported id")]},
        {"specversion": word("an imported version")},
        [word("an imported list")],
        {**whole, "id": "i3", word("An imported attribute's name"): {"a": 1}},
        {**whole, "id": "i4", "data_base64": word("imported base64") + "!"},
    ]
    broken = f'{{"open": "{word("a broken line")}\n'.encode()
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines) + broken
