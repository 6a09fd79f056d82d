"""Lines of the log about refused requests have no traceback; those about our own errors keep it."""

import logging

import pytest

from dashboard.running.log_lines import LONGEST, LogFormatter


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
    assert "ValueError: wrong" in line_of(name, "it failed", status=status)


def test_what_daphne_cannot_parse_is_one_line_and_what_fails_inside_the_application_is_not() -> None:
    text = "Traceback (most recent call last):\n  File x\nUnicodeDecodeError: \x1b[31m\xff"
    assert line_of("daphne.http_protocol", text, error=False) == (
        "daphne.http_protocol a request was refused: UnicodeDecodeError: \\x1b[31m\xff"
    )
    assert "ValueError: wrong" in line_of("daphne.server", "Exception inside application: wrong")


def test_nobody_makes_a_line_long() -> None:
    assert len(line_of("django.security.X", "x" * 100_000)) < LONGEST + 50
