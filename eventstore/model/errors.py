"""What can go wrong in the event store, as a person should read it.

Every error carries a sentence that says what was wrong and what to do; pages and commands show ``str(error)`` as it is.
No message ever holds a payload or a property's value.
"""


class EventStoreError(Exception):
    """The root of everything that this package raises on purpose."""


class UnknownTopic(EventStoreError):
    """No watched topic has this name."""


class UnknownSubscription(EventStoreError):
    """The topic has no subscription of this name."""


class UnknownEvent(EventStoreError):
    """No event with this id, or nothing at this position any more."""


class InvalidName(EventStoreError):
    """The store refuses this topic, subscription or key."""


class InvalidPosition(EventStoreError):
    """Not a position of this store: made by hand, cut off, or of another driver."""


class InvalidMessage(EventStoreError):
    """The store cannot hold this message as it is."""


class VersionConflict(EventStoreError):
    """Somebody else appended to the stream since the expected version was read."""


class NotSupported(EventStoreError):
    """The driver has no such ability: ask ``Capabilities`` before offering it."""


class StoreUnreachable(EventStoreError):
    """The store does not answer now. Nothing was lost: try again when it is back."""


class StoreClosed(EventStoreError):
    """The driver, reader or consumer was closed by this process."""


class StoreRefused(EventStoreError):
    """The store answered, and refused: no permission, a conflict, or a limit of its own."""


class NotAllowed(EventStoreError):
    """The access table does not let this person do this."""


class TooManySearches(EventStoreError):
    """As many searches that read topics as this process takes at a time are running already."""


class StalePlan(EventStoreError):
    """What was previewed is no longer what would happen: look at the new preview and confirm that."""


class InvalidConfiguration(EventStoreError):
    """The configuration file or an address in the environment cannot be used; the text says where."""


class InvalidFilter(EventStoreError):
    """A search filter that cannot be used; the text says why (at which character, where it cannot be read), and what to do."""


class FilterTooExpensive(InvalidFilter):
    """A filter that can be read, and takes far longer for each event than any ordinary one."""


def place_of(error: Exception) -> str:
    """Where an error was raised, file and line: what a log may say of an unforeseen one, whose text may hold a payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"
