"""What can go wrong in the event store, in words for people.

Every error carries a sentence that says what is wrong and what to do. Pages and commands show ``str(error)`` unchanged.
No message contains a payload or the value of a property.
"""

import logging
from pathlib import PurePath

log = logging.getLogger(__name__)


class EventStoreError(Exception):
    """The base of everything that this package raises on purpose."""


class UnknownTopic(EventStoreError):
    """No watched topic has this name."""


class UnknownSubscription(EventStoreError):
    """The topic has no subscription of this name."""


class UnknownProjection(EventStoreError):
    """No projection has this name, declared or not."""


class UnknownEvent(EventStoreError):
    """No event has this id, or nothing is left at this position."""


class InvalidName(EventStoreError):
    """The store refuses this topic, subscription or key."""


class InvalidPosition(EventStoreError):
    """Not a position of this store: written by hand, cut off, or of another driver."""


class InvalidMessage(EventStoreError):
    """The store cannot hold this message as it is."""


class VersionConflict(EventStoreError):
    """Someone else appended to the stream after the expected version was read."""


class NotSupported(EventStoreError):
    """The driver cannot do this. Check ``Capabilities`` before offering it."""


class StoreUnreachable(EventStoreError):
    """The store does not answer now. Nothing was lost: try again when it is back."""


class NotLetIn(StoreUnreachable):
    """The store does not accept who this installation says it is: its credentials are wrong, have ended, or cannot be had.

    As good as away until they are mended. Then everything goes on by itself.
    """


class NotTrusted(StoreUnreachable):
    """What answers at the store's address does not prove that it is the store. Nothing is sent to it."""


class MadeAnew(EventStoreError):
    """The topic was deleted or lost, and another one has its name. What was known of the old one does not hold for it."""


class StoreClosed(EventStoreError):
    """This process has closed the driver, reader or consumer."""


class StoreRefused(EventStoreError):
    """The store answered and refused: no permission, a conflict, or a limit of its own."""


class NotPermitted(StoreRefused):
    """The store knows this installation, and does not permit it this. The text names the permission that is missing; once it
    is granted, what was tried works."""


class NotAllowed(EventStoreError):
    """The access table does not let this person do this."""


class TooManySearches(EventStoreError):
    """This process already runs as many searches of topics as it may."""


class StoresOwn(EventStoreError):
    """The store keeps this subscription for itself: nobody may move its cursor."""


class NothingToMove(EventStoreError):
    """What was asked of a cursor would change nothing, or cannot be told: the text says why."""


class InvalidReplay(EventStoreError):
    """What was asked for cannot be replayed like this; the text says why."""


class StalePlan(EventStoreError):
    """What was previewed is no longer what would happen. Look at the new preview and confirm that."""


class ResourceBusy(EventStoreError):
    """Somebody else is acting on the same resource at this moment; the text says who, and since when."""


class LeaseLost(EventStoreError):
    """The lock on a resource ran out and passed to somebody else: no further step is taken."""


class IndexReplaced(EventStoreError):
    """The index's database is another one than the indexer began with: its file was removed or replaced."""


class InvalidConfiguration(EventStoreError):
    """The configuration file or an address in the environment cannot be used; the text says where."""


class InvalidFilter(EventStoreError):
    """A search filter that cannot be used. The text says why, at which character if it cannot be parsed, and what to do."""


class FilterTooExpensive(InvalidFilter):
    """A filter that can be parsed, but takes far longer for each event than any ordinary one."""


def place_of(error: Exception) -> str:
    """Return where the error was raised, file and line.

    A log shows this for an unexpected error, because the error's text may contain a payload.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"


NOT_THE_MESSAGE = (EventStoreError, MemoryError)
"""Errors that say something of the store or of the process, not of the message at which they are raised.

Whatever else one message raises must not stop the others. Whoever does something with a message catches ``Exception`` around
it, lets these through, and shows the message with the words of ``reported``.
"""

MOST_LOGGED = 1_000
"""Places in the code of which one error each is logged. A topic full of such messages must not fill the log."""

_logged: set[str] = set()


def reported(error: Exception, where: str) -> str:
    """Log an unforeseen error of the message at ``where``, once for each place in the code, and return it in words.

    Neither has the error's text, because it may quote a payload.
    """
    place = place_of(error)
    if place not in _logged and len(_logged) < MOST_LOGGED:
        _logged.add(place)
        log.error("A message is shown as unreadable: an unforeseen %s at %s (%s)", type(error).__name__, place, where)
    return words_of(error)


class ToldOnce:
    """The warnings of something that is tried again until it works. Each is logged once for as long as it holds.

    For one thread. ``tell`` logs a text unless it was told last. ``over`` logs that it works again, if anything was told.
    """

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger, self._what, self._told = logger, what, ""

    def tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._logger.warning("%s: %s", self._what, text)

    def over(self, text: str = "works again.") -> None:
        if self._told:
            self._told = ""
            self._logger.warning("%s: %s", self._what, text)


def words_of(error: Exception) -> str:
    """Return the kind of the error and where in the code it was raised: "KeyError at reading.py:40"."""
    return f"{type(error).__name__} at {PurePath(place_of(error)).name}"
