"""The lines of the log. What is a client's fault is one line, without a traceback: anybody could fill the log."""

import logging
import re
from copy import copy

from django.conf import settings

LONGEST = 500
"""Characters of a line about a client's mistake."""
_AGGREGATE = re.compile(r"(/aggregates/[^/\s]+/)[^/\s]+")


class LogFormatter(logging.Formatter):
    """Python's formatter. Refused requests (a wrong Host, too large a body, a malformed header) have no traceback.

    Where ids are personal, an aggregate's address has none: a request may give the id itself.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = self._line(record)
        return _AGGREGATE.sub(r"\1…", line) if settings.EVENTDESK.personal_types else line

    def _line(self, record: logging.LogRecord) -> str:
        if not is_clients_fault(record):
            return super().format(record)
        line = copy(record)
        line.exc_info = line.exc_text = line.stack_info = None
        line.msg, line.args = _one_line(record.getMessage()), ()
        return super().format(line)


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
