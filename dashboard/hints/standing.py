"""Whether Redis answers, as this process last saw it: told once in the log when it goes, and once when it is back."""

import logging
import threading
from enum import StrEnum

log = logging.getLogger(__name__)

AWAY = "Redis takes no hints (%s): other web processes hear of changes within a second instead of at once."
BACK = "Redis takes hints again."


class Standing(StrEnum):
    """Its value is what ``/readyz`` says."""

    NOT_KNOWN = "not asked yet"
    OK = "ok"
    NO_ANSWER = "does not answer"


class Seen:
    """For any thread."""

    def __init__(self) -> None:
        self.standing = Standing.NOT_KNOWN
        self._lock = threading.Lock()

    def answers(self) -> None:
        if self._turns(Standing.OK) is Standing.NO_ANSWER:
            log.warning(BACK)

    def fails(self, error: BaseException) -> None:
        """Only the class of the error is told: its text is not ours."""
        if self._turns(Standing.NO_ANSWER) is not Standing.NO_ANSWER:
            log.warning(AWAY, type(error).__name__)

    def _turns(self, now: Standing) -> Standing:
        """What it was before."""
        with self._lock:
            before, self.standing = self.standing, now
        return before
