"""Say what is wrong with a filter, and where."""

from eventstore.model.errors import InvalidFilter


def problem(what: str, column: int) -> InvalidFilter:
    """Return the error. ``column`` counts from 1. ``what`` says what to do, and holds no value of the filter: it may end in a
    log.
    """
    return InvalidFilter(f"The filter cannot be used, at character {column}: {what}")
