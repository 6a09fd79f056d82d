"""The request that this thread or task answers, as its log lines name it."""

import re
from contextvars import ContextVar
from uuid import uuid4

CURRENT: ContextVar[str] = ContextVar("eventdesk_request", default="")
"""The id of the request; empty outside of one."""
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")


def request_id(given: str) -> str:
    """The id that a proxy has given, or a new one where that is none: nobody writes lines of their own into the log."""
    return given if _GIVEN.fullmatch(given) else uuid4().hex
