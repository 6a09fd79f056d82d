"""Lines of the log about refused requests have no traceback; those about our own errors keep it. None quotes an event."""

import logging

import pytest

from dashboard.running.log_lines import LEFT_OUT, LONGEST, LogFormatter
from eventstore.model.errors import StoreUnreachable


def line_of(name: str, message: str, *, error: bool = True, status: int | None = None) -> str:
    exc_info = None
    if error:
        try:
            raise ValueError("wrong")
        except ValueError as caught:
            exc_info = (type(caught), caught, caught.__traceback__)
    record = logging.LogRecord(name, logging.ERROR, "x.py", 1, message, (), exc_info)
    if status is not None:
        record.status_code = status
    return LogFormatter("%(name)s %(message)s").format(record)


@pytest.mark.parametrize(
    ("name", "status"), [("django.security.DisallowedHost", None), ("django.request", 400), ("django.request", 404)]
)
def test_a_refused_request_is_one_line(name: str, status: int | None) -> None:
    assert line_of(name, "Invalid HTTP_HOST\nheader", status=status) == f"{name} Invalid HTTP_HOST header"


@pytest.mark.parametrize(("name", "status"), [("django.request", 500), ("django.request", None), ("dashboard.x", None)])
def test_an_error_of_ours_keeps_its_traceback(name: str, status: int | None) -> None:
    line = line_of(name, "it failed", status=status)
    assert line.startswith(f"{name} it failed\nTraceback (most recent call last):\n  File ")
    assert line.splitlines()[-1] == f"builtins.ValueError: ({LEFT_OUT})"


def test_what_daphne_cannot_parse_is_one_line_and_what_fails_inside_the_application_is_not() -> None:
    text = "Traceback (most recent call last):\n  File x\nUnicodeDecodeError: \x1b[31m\xff"
    assert line_of("daphne.http_protocol", text, error=False) == (
        "daphne.http_protocol a request was refused: UnicodeDecodeError: \\x1b[31m\xff"
    )
    line = line_of("daphne.server", "Exception inside application: wrong")
    assert line.startswith(f"daphne.server Exception inside application: ({LEFT_OUT})\nTraceback ")
    assert "wrong" not in line.replace('ValueError("wrong")', "")


def test_errors_written_for_people_keep_their_text_and_their_causes_do_not() -> None:
    try:
        try:
            raise KeyError("Erika")
        except KeyError as inner:
            raise StoreUnreachable("Pulsar does not answer.") from inner
    except StoreUnreachable as error:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it failed: %s", (error,), (type(error), error, None))
    line = LogFormatter("%(message)s").format(record)
    assert line.startswith("it failed: Pulsar does not answer.\n")
    assert line.endswith("eventstore.model.errors.StoreUnreachable: Pulsar does not answer.")
    assert "builtins.KeyError: (" in line and "'Erika'" not in line


def test_an_error_that_is_its_own_cause_and_a_group_of_errors_are_told() -> None:
    first, second = ValueError("Erika"), ExceptionGroup("two", [ValueError("Erika"), OSError("no room")])
    first.__context__ = second
    second.__context__ = first
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it failed", (), (type(second), second, None))
    line = LogFormatter("%(message)s").format(record)
    assert "Erika" not in line
    assert line.count("ValueError") == 2 and "OSError: no room" in line


def test_nobody_makes_a_line_long() -> None:
    assert len(line_of("django.security.X", "x" * 100_000)) < LONGEST + 50


@pytest.mark.parametrize("path", ["b'/aggregates/patient/4711/'", '"/it\'s/4711"'])
def test_a_request_that_daphne_ends_is_not_named_by_its_address(path: str) -> None:
    said = f"Application instance <Task> for connection <WebRequest method=GET path={path} clientproto=HTTP/1.1> was killed."
    record = logging.LogRecord("daphne.server", logging.WARNING, "", 0, said, (), None)
    line = LogFormatter("%(message)s").format(record)
    assert "4711" not in line
    assert "path=… clientproto=HTTP/1.1" in line
