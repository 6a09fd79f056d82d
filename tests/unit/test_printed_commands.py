"""Every command that a page, a message or a document prints can be pasted, and works."""

import gzip
import json
import shlex
import sys
from argparse import ArgumentParser
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

from eventstore.config import OF_THE_STORE, shell_command
from tests import forked
from tests.desk_template import plain_environment
from tests.unit.printed import FILLED_IN, Printed, printed, written_by_hand

PRINTED = printed()
ORDER = (
    "migrate", "create_user", "set_email", "seed_demo", "import_events", "run_index", "run_jobs", "check_index",
    "create_token", "list_tokens", "revoke_token", "allow_logins", "rebuild_index", "make_seal_key",
)  # fmt: skip
"""Those first that make what others need; the rest only say how they are used."""
INSTEAD = {"create_user": "carla", "import_events": "events.ndjson", "--database": "index", "--topic": "documents"}
"""What stands for a name that is filled in, by the option before it or by the command."""
EVENT = {"specversion": "1.0", "type": "t", "source": "/s", "aggregateid": "a", "time": "2026-11-29T09:00:00Z"}


def command(name: str) -> BaseCommand:
    return load_command_class(get_commands()[name], name)


def filled_in(one: Printed) -> list[str]:
    """The command and its arguments, with something that is there in place of each NAME and FILE."""
    words = [one.name, *one.arguments]
    instead = INSTEAD | ({"--topic": "patients"} if "--forget" in words else {})  # a topic is forgotten once
    return [
        instead.get(words[place - 1], instead.get(one.name, "1")) if word in (FILLED_IN, "FILE") else word
        for place, word in enumerate(words)
    ]


def test_all_that_print_commands_are_found() -> None:
    rest = {"serve", "replay", "run_demo_app", "forget_values", "check_running", "remove_totp", "end_sessions"}
    rest |= {"set_groups", "check"}
    assert {one.name for one in PRINTED} == {*ORDER, "change_account"} | rest


@pytest.mark.parametrize("one", PRINTED, ids=lambda one: one.line)
def test_a_printed_command_exists_and_takes_its_arguments(one: Printed) -> None:
    assert one.name in get_commands()
    parser = command(one.name).create_parser("manage.py", one.name)
    assert parses(parser, filled_in(one)[1:])


def parses(parser: ArgumentParser, arguments: list[str]) -> bool:
    try:
        parser.parse_args(arguments)
    except CommandError:
        return False
    return True


@pytest.mark.parametrize("one", PRINTED, ids=lambda one: one.line)
def test_a_printed_command_begins_as_a_shell_in_the_projects_folder_takes_it(one: Printed) -> None:
    assert {variable.partition("=")[0] for variable in one.environment} <= {"EVENTDESK_DEMO", *OF_THE_STORE}
    assert one.program == (".venv/bin/python",)
    assert one.line.startswith((*one.environment, *one.program)), "nothing else, such as a prompt, is copied with it"


def test_code_and_pages_have_their_commands_made_and_write_none_by_hand() -> None:
    assert written_by_hand() == []


@pytest.mark.slow
def test_every_printed_command_does_its_work_where_that_is_harmless(tmp_path: Path) -> None:
    """On an embedded store of its own, in demo mode, in one process."""
    lines = [json.dumps(EVENT | {"id": f"e-{number}"}) for number in range(3)]
    (tmp_path / "events.ndjson").write_text("\n".join(lines))
    (tmp_path / "my-events.ndjson.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "password.txt").write_text("correct-horse-battery-7\n")
    rank = {name: place for place, name in enumerate(ORDER)}
    in_order = sorted(PRINTED, key=lambda one: (rank.get(one.name, len(rank)), "--forget" in one.arguments, one.line))
    asked = [{"line": one.line, "arguments": filled_in(one), "stdin": one.stdin} for one in in_order]
    environment = {**plain_environment(tmp_path), "EVENTDESK_DEMO": "1"}
    script = [sys.executable, "-m", "tests.run_printed"]
    ended = forked.run(script, input=json.dumps(asked).encode(), cwd=tmp_path, env=environment, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()
    failed = [answer for answer in json.loads(ended.stdout) if answer["status"]]
    assert failed == []


@pytest.mark.parametrize(
    ("arguments", "shell"),
    [
        (("orders",), "orders"),
        (("public/default/orders",), "public/default/orders"),
        (('a name\'s "own" $HOME; rm -rf .',), "'a name'\"'\"'s \"own\" $HOME; rm -rf .'"),
        (("",), "''"),
    ],
)
def test_a_shell_reads_every_argument_as_it_is(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], shell: str
) -> None:
    monkeypatch.delenv("EVENTDESK_DEMO", raising=False)
    assert shell_command("rebuild_index", "--topic", *arguments) == (
        f".venv/bin/python manage.py rebuild_index --topic {shell}"
    )


def test_in_demo_mode_a_command_says_so_and_names_the_store_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in OF_THE_STORE:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("EVENTDESK_DEMO", "1")
    monkeypatch.setenv("EVENTSTORE_URL", "pulsar://broker:6650 or another")
    assert shell_command("seed_demo") == "EVENTDESK_DEMO=1 .venv/bin/python manage.py seed_demo"
    assert shell_command("seed_demo", environment=OF_THE_STORE) == (
        "EVENTDESK_DEMO=1 EVENTSTORE_URL='pulsar://broker:6650 or another' .venv/bin/python manage.py seed_demo"
    )


@pytest.mark.parametrize("address", ["https://adm:s3cret@host", "pulsar+ssl://u:s3cret@host:6651", "pulsar://a,u:s3/cret@b"])
def test_an_address_with_a_password_is_left_out_of_a_command(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for variable in OF_THE_STORE:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("EVENTSTORE_URL", "PULSAR_ADMIN_URL"):
        monkeypatch.setenv(variable, address)
    monkeypatch.setenv("EVENTDESK_DATA", "data@home")
    monkeypatch.setenv("EVENTDESK_DEMO", "1")
    assert shell_command("seed_demo", environment=OF_THE_STORE) == (
        "EVENTDESK_DEMO=1 EVENTDESK_DATA=data@home .venv/bin/python manage.py seed_demo"
    )


@pytest.mark.parametrize("topic", ["-x", "--restart", "-", "orders"])
@pytest.mark.parametrize("more", [(), ("--restart",)])
def test_a_topic_whose_name_begins_as_an_option_is_taken_for_a_topic(topic: str, more: tuple[str, ...]) -> None:
    found = parsed(shell_command("rebuild_index", "--topic", topic, *more))
    assert (found["topic"], found["restart"]) == (topic, bool(more))
    found = parsed(shell_command("import_events", topic, "--topic", topic))
    assert (found["file"], found["topic"]) == (topic, topic)
    assert parsed(shell_command("create_user", topic, "--role", "support"))["name"] == topic


@pytest.mark.parametrize(
    ("name", "option"),
    sorted(
        {
            (one.name, option)
            for one in PRINTED
            for option, value in pairwise(one.arguments)
            if option.startswith("--") and value == FILLED_IN
        }
    ),
)
def test_every_option_before_something_filled_in_is_known_to_take_a_value(name: str, option: str) -> None:
    assert shell_command(name, "first", option, "-x").endswith(f" {option}=-x")


def parsed(line: str) -> dict[str, object]:
    """What the command makes of its line."""
    words = shlex.split(line)
    name, *arguments = words[words.index("manage.py") + 1 :]
    return vars(command(name).create_parser("manage.py", name).parse_args(arguments))
