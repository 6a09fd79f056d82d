"""The lines of the log. What is a client's fault is one line, without a traceback: anybody could fill the log. No line has the
text of an error that may quote an event."""

import logging
import re
import traceback
from collections.abc import Iterator
from copy import copy

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from eventstore.model import EventStoreError

LONGEST = 500
"""Characters of a line about a client's mistake."""
_AGGREGATE = re.compile(r"(/aggregates/[^/\s]+/)[^/\s]+")
_PATH = re.compile(r"""path=b?('[^']*'|"[^"]*")""")
TELLS_NO_VALUE = (EventStoreError, OperationalError, InterfaceError, ImproperlyConfigured, ImportError, OSError)
"""Errors whose text is written for people, or tells of a connection, a file or a setting. Any other text may quote what an
event holds: a template's error shows the whole object in which it looked for a name, a database's the row that it refused."""
LEFT_OUT = "its text is left out, since it may quote an event"


class LogFormatter(logging.Formatter):
    """Python's formatter. Refused requests (a wrong Host, too large a body, a malformed header) have no traceback; in
    tracebacks, only errors of ``TELLS_NO_VALUE`` have their text.

    Where ids are personal, an aggregate's address has none: a request may give the id itself.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = self._line(record)
        if record.name.startswith("daphne."):  # it names a request that it ends by its address
            line = _PATH.sub("path=…", line)
        return _AGGREGATE.sub(r"\1…", line) if settings.EVENTDESK.personal_types else line

    def _line(self, record: logging.LogRecord) -> str:
        line = copy(record)
        line.exc_text = None  # another formatter's
        if is_clients_fault(record):
            line.exc_info = line.stack_info = None
            line.msg, line.args = _one_line(record.getMessage()), ()
        elif record.exc_info and isinstance(record.exc_info[1], BaseException):
            line.msg, line.args = _without_text(record.getMessage(), record.exc_info[1]), ()
        return super().format(line)

    def formatException(self, ei: object) -> str:
        """The traceback of ``sys.exc_info()``, the causes of the error first."""
        error = ei[1] if isinstance(ei, tuple) else None
        return "\n".join(_told(error)) if isinstance(error, BaseException) else ""


def is_clients_fault(record: logging.LogRecord) -> bool:
    """Whether it tells of a request that was refused.

    Django logs these as ``django.security``, or as ``django.request`` with a status from 400 to 499. daphne logs a request
    that it cannot parse as a text that is a traceback; an error inside the application has it beside the text.
    """
    if record.name.startswith("django.security"):
        return True
    if record.name == "django.request":
        status = getattr(record, "status_code", 500)
        return isinstance(status, int) and 400 <= status < 500
    return record.name.startswith("daphne.") and not record.exc_info and record.getMessage().startswith("Traceback ")


def _one_line(text: str) -> str:
    lines = text.strip().splitlines() or [""]
    last = f"a request was refused: {lines[-1]}" if lines[0].startswith("Traceback ") else " ".join(lines)
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in last)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"


def _without_text(message: str, error: BaseException) -> str:
    """The message, in which the error's text may stand as well."""
    for one in _causes(error):
        if not isinstance(one, TELLS_NO_VALUE) and (text := str(one)):
            message = message.replace(text, f"({LEFT_OUT})")
    return message


def _told(error: BaseException) -> Iterator[str]:
    for number, one in enumerate(_causes(error)):
        if number:
            yield "Then, while this was handled or because of it:"
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_tb(one.__traceback__)).rstrip("\n")
        text = str(one) if isinstance(one, TELLS_NO_VALUE) else f"({LEFT_OUT})"
        yield f"{type(one).__module__}.{type(one).__qualname__}: {text}"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that led to it, the first one first, with what a group of errors holds."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.append(one)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        if before := one.__cause__ or (None if one.__suppress_context__ else one.__context__):
            waiting.append(before)
    return found[::-1]
