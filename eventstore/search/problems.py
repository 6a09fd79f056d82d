"""What is wrong with a filter, as one sentence with its place."""

from eventstore.model.errors import InvalidFilter


def problem(what: str, column: int) -> InvalidFilter:
    """``column`` counts from 1. ``what`` says what to do, and holds no value that was asked for: it may end in a log."""
    return InvalidFilter(f"The filter cannot be used, at character {column}: {what}")
