"""What an indexer makes of an error: its words, and the one message that causes it, which is found by halves.

A batch that cannot be prepared is prepared event by event. So ``Narrowing`` is for what fails later, in the index's database,
or before, in the store's client. The message that was found is indexed as unreadable, and the indexer goes on behind it.
"""

from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, OperationalError

from eventstore.index.tables.database import database_error_text
from eventstore.model.errors import NOT_THE_MESSAGE, EventStoreError, words_of

MOST_TRIES = 3
"""How often a message has to fail alone, in a row. A passing trouble of something else ends before that."""

UNREACHABLE_ALONE = 15.0
"""Seconds for which a store answers while a partition is unreachable, until that is the partition's own failure.

After an outage every partition is tried again within five seconds (``LONGEST_TROUBLE``) and opens within some more.
"""

_OF_A_VALUE = ("22", "23", "54")
"""PostgreSQL's classes of errors that a value causes (data, integrity, a limit of the program), whatever Django calls them."""


@dataclass(kw_only=True, slots=True)
class Narrowing:
    """``suspects``: one of this many messages after the checkpoint makes the indexer fail; 0 if none does.

    ``tries``: how often the first of them has failed alone. ``words``: what was wrong the last time.
    """

    suspects: int = 0
    tries: int = 0
    words: str = ""

    def limit(self, batch: int) -> int:
        """Return how many messages to read at a time, of at most ``batch``."""
        return min(batch, max(1, self.suspects // 2)) if self.suspects else batch

    def note_failure(self, messages: int, words: str) -> None:
        """Note that this many messages after the checkpoint failed together, and in which words."""
        self.suspects, self.words = max(1, messages), words
        self.tries = self.tries + 1 if messages <= 1 else 0

    def note_success(self, messages: int) -> None:
        """Note that this many of them were indexed."""
        self.suspects, self.tries = max(0, self.suspects - messages), 0

    @property
    def is_found(self) -> bool:
        """Whether the first message after the checkpoint is the one."""
        return self.tries >= MOST_TRIES


class Answers:
    """Since when the store has answered without an outage between, and when it did so last, in monotonic seconds."""

    def __init__(self) -> None:
        self._run: tuple[float, float] | None = None

    def note(self, now: float, *, away: bool) -> None:
        """Note that the store has answered at this moment, or that it is away."""
        self._run = None if away else (self._run[0] if self._run else now, now)

    def blame_the_partition(self, since: float) -> bool:
        """Return whether the store has answered for so long beside a partition unreachable since then, that it alone is."""
        run = self._run  # read once: the watching thread may replace it
        return run is not None and run[1] - max(run[0], since) >= UNREACHABLE_ALONE


def may_be_the_message(error: Exception) -> bool:
    """Return whether a message can have caused the error, and not a store, a database or a process that is in trouble."""
    if isinstance(error, NOT_THE_MESSAGE):
        return False
    if isinstance(error, DatabaseError) and str(getattr(error.__cause__, "sqlstate", ""))[:2] in _OF_A_VALUE:
        return True
    return not isinstance(error, OperationalError | InterfaceError)


def error_text(error: Exception) -> str:
    """Return what is wrong, for pages. The text of an unforeseen error is left out, because it may quote a payload."""
    if isinstance(error, EventStoreError):
        return str(error)
    if isinstance(error, DatabaseError):
        return f"The index's database does not take it ({database_error_text(error)})."
    return f"Something that Eventdesk cannot handle ({words_of(error)})."
