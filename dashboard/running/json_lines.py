"""The log as one JSON object a line (``EVENTDESK_LOG_FORMAT=json``), for programs that collect logs.

What the C++ client, or Python itself, writes to the process's standard error becomes such a line too.
"""

import atexit
import json
import logging
import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any

from dashboard.running.current_request import CURRENT
from dashboard.running.instruments import process_name
from dashboard.running.last_errors import log_unhandled
from dashboard.running.log_lines import LogFormatter

FIELDS = ("route", "method", "status", "milliseconds")
"""What a line may have besides its message. Nothing else that a library adds to a record is written."""
LONGEST = 100_000
"""Characters of what another writer's line keeps."""


class JsonFormatter(LogFormatter):
    """As ``LogFormatter``: no line has the text of an error that may quote an event."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        message, newline, trace = super().format(record).partition("\nTraceback ")
        told = {"level": record.levelname, "logger": record.name, "message": message}
        told |= {"traceback": f"Traceback {trace}"} if newline else {}
        return line_of(told | {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}, record.created)


class JsonHandler(logging.StreamHandler[TextIOWrapper]):
    """Writes to what was standard error. Whatever else writes there from now on is read, and becomes lines of the log."""

    def __init__(self) -> None:
        super().__init__(_own_stderr())


def line_of(told: dict[str, Any], at: float) -> str:
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    request = CURRENT.get()
    whole = {"time": time, **told, "process": process_name(), **({"request": request} if request else {})}
    return json.dumps(whole, ensure_ascii=False, default=str)


class _Taken:
    """Standard error as it was, and the thread that reads what is written there now."""

    def __init__(self) -> None:
        self.own = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        reads, writes = os.pipe()
        os.dup2(writes, 2)
        os.close(writes)
        self.thread = threading.Thread(target=_pass_on, args=(reads, self.own), name="standard error", daemon=True)
        self.thread.start()

    def give_back(self) -> None:
        """What was written last is read to its end: an error that ends the process is told there."""
        sys.stderr.flush()
        os.dup2(self.own.fileno(), 2)
        self.thread.join(2)


_taken: list[_Taken] = []
_writing = threading.Lock()
"""Held while the thread writes, and while this process is forked: the child would get a stream that nobody unlocks."""
os.register_at_fork(before=_writing.acquire, after_in_parent=_writing.release, after_in_child=_writing.release)


def _own_stderr() -> TextIOWrapper:
    """Standard error as it was when this process made its first handler."""
    if not _taken:
        _taken.append(_Taken())
        atexit.register(give_back)
        log_unhandled()
    return _taken[0].own


def begin_again() -> None:
    """In a forked process, whose parent's thread does not read what is written here."""
    if _taken:
        os.dup2(_taken.pop().own.fileno(), 2)
        _taken.append(_Taken())


def give_back() -> None:
    """Before the process ends, or becomes another program."""
    while _taken:
        _taken.pop().give_back()


def _pass_on(reads: int, own: TextIOWrapper) -> None:
    """Until all writers have closed. Children that write such lines themselves are passed on as they are.

    Where nobody takes the lines any more they are still read: a writer must not wait for ever.
    """
    with os.fdopen(reads, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            if text := line.rstrip("\n")[:LONGEST]:
                told = {"level": "WARNING", "logger": "stderr", "message": text}
                whole = text if text.startswith('{"time": ') else line_of(told, datetime.now(UTC).timestamp())
                with suppress(OSError, ValueError), _writing:
                    own.write(f"{whole}\n")
