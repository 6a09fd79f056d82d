"""What an error of a run means for its job, and how it reads."""

from django.db import DatabaseError, InterfaceError, OperationalError

from eventstore.index.tables.database import lacks_tables
from eventstore.model.errors import EventStoreError, NotPermitted, StoreUnreachable, words_of


def may_pass(error: Exception) -> bool:
    """Whether the store or a database was away, or the store did not permit what it may permit later. Other errors of a
    database are faults, and come each time."""
    if isinstance(error, StoreUnreachable | NotPermitted | OperationalError | InterfaceError):
        return True
    return isinstance(error, DatabaseError) and lacks_tables(error)


def words_for_people(error: Exception) -> str:
    """What is wrong, for pages and the record. An unforeseen error's own text may quote a payload."""
    if isinstance(error, EventStoreError):
        return str(error)
    if isinstance(error, DatabaseError):
        why = "lacks tables, so it has to be migrated" if lacks_tables(error) else "does not answer"
        return f"A database {why} ({type(error).__name__})."
    return f"Something that Eventdesk cannot handle ({words_of(error)})."
