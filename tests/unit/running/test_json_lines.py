"""The log as JSON lines: everything that a process writes to its standard error is one object a line, without payloads."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.running.current_request import request_id
from dashboard.setup.log_settings import logging_of
from eventstore.model.errors import InvalidConfiguration
from tests import forked
from tests.desk_template import ROOT, plain_environment

SETUP = "import django, logging, os, sys; django.setup(); log = logging.getLogger('desk.test')\n"


ANY_ERROR = """
import gc, threading
class Held:
    def __repr__(self): return "patient-0815"
    def __del__(self): int("patient-0815")
thread = threading.Thread(target=int, args=("patient-0815",), name="patient-0815"); thread.start(); thread.join()
held = Held(); del held; gc.collect()
int("patient-0815")
"""


def ran(folder: Path, code: str) -> tuple[int, list[dict[str, Any]]]:
    """Run this with the desk's settings; return the exit code and the lines."""
    returncode, told = told_by(folder, code, "json")
    return returncode, [json.loads(line) for line in told.splitlines()]


def told_by(folder: Path, code: str, format: str) -> tuple[int, str]:
    environment = {**plain_environment(folder), "EVENTDESK_LOG_FORMAT": format, "EVENTDESK_PROCESS": "web-1"}
    done = forked.run([sys.executable, "-c", SETUP + code], cwd=ROOT, env=environment, timeout=60)
    return done.returncode, done.stderr.decode()


@pytest.mark.slow
def test_a_line_is_an_object_with_its_time_level_logger_and_process(tmp_path: Path) -> None:
    code, (line,) = ran(tmp_path, "log.warning('one\\ntwo %s', 'three', extra={'patient': '4711'})")
    assert code == 0
    assert line.pop("time").endswith("Z")
    assert line == {"level": "WARNING", "logger": "desk.test", "message": "one\ntwo three", "process": "web-1"}


def test_a_traceback_has_no_text_that_may_quote_an_event(tmp_path: Path) -> None:
    _, (line,) = ran(tmp_path, "try: int('patient-0815')\nexcept ValueError: log.exception('it failed')")
    assert line["message"] == "it failed"
    assert line["traceback"].startswith("Traceback (most recent call last)")
    assert "0815" not in json.dumps(line)


def test_an_error_that_ends_a_process_or_a_thread_or_nothing_is_a_line_without_its_text(tmp_path: Path) -> None:
    code, lines = ran(tmp_path, ANY_ERROR)
    assert code == 1
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("ERROR", "eventdesk"),
        ("ERROR", "eventdesk"),
        ("CRITICAL", "eventdesk"),
    ]
    assert "0815" not in json.dumps(lines)


def test_lines_for_people_have_no_text_of_such_an_error_either(tmp_path: Path) -> None:
    code, told = told_by(tmp_path, ANY_ERROR, "lines")
    assert (code, told.count("Traceback "), told.count("builtins.ValueError: (")) == (1, 3, 3)
    assert "0815" not in told


def test_what_libraries_and_children_write_to_standard_error_becomes_lines_too(tmp_path: Path) -> None:
    child = (
        "import os, subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; sys.stderr.write(\"of a child\")'])"
    )
    told = "os.write(2, b'2026-01-01 WARN ClientConnection | lost \\xff\\n\\n'); print('printed', file=sys.stderr)"
    code, lines = ran(tmp_path, f"{told}\n{child}\nlog.error('own')")
    assert code == 0
    assert sorted((line["logger"], line["message"]) for line in lines) == [
        ("desk.test", "own"),
        ("stderr", "2026-01-01 WARN ClientConnection | lost \\xff"),
        ("stderr", "of a child"),
        ("stderr", "printed"),
    ]


@pytest.mark.slow
def test_a_child_that_writes_such_lines_itself_is_not_wrapped_again(tmp_path: Path) -> None:
    child = (
        "import subprocess; subprocess.run([sys.executable, '-c', \"import django, logging; django.setup(); "
        "logging.getLogger('child').warning('hello')\"])"
    )
    _, (line,) = ran(tmp_path, child)
    assert (line["logger"], line["message"]) == ("child", "hello")


def test_a_process_that_becomes_another_program_keeps_its_standard_error(tmp_path: Path) -> None:
    code = "from dashboard.running.json_lines import give_back; give_back()\n"
    _, lines = ran(tmp_path, code + "os.execv('/bin/sh', ['sh', '-c', 'echo {} >&2'])")
    assert lines == [{}]


def test_every_name_that_python_has_for_a_level_is_taken() -> None:
    for level in ("CRITICAL", "WARN"):
        assert logging_of("", level)["root"]["level"] == level


@pytest.mark.parametrize(("format", "level"), [("xml", "WARNING"), ("json", "LOUD"), ("JSON", "INFO")])
def test_a_wrong_setting_of_the_log_stops_the_start(format: str, level: str) -> None:
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_LOG"):
        logging_of(format, level)


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space and more", "line\nbreak-line", "ümlaut-ümlaut"])
def test_an_id_that_no_proxy_makes_is_replaced(given: str) -> None:
    assert request_id(given) != given


def test_an_id_of_a_proxy_is_kept() -> None:
    assert request_id("0f8fad5bd9cb469fa16570867728950e") == "0f8fad5bd9cb469fa16570867728950e"
