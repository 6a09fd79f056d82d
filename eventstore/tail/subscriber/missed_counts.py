"""How many events lie between two places that nobody reads, by the index's ordinals or by the store's own count."""

from django.db import DatabaseError

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinal_after
from eventstore.index.tables.database import connection
from eventstore.model.events import Position
from eventstore.model.log import Log


def events_between(log: Log, topic: str, partition: int, lower: str, upper: str) -> int | None:
    """Return the number of events after ``lower`` ("" for the beginning) up to and including ``upper``, which lies in the
    store.

    Returns ``None`` if the store does not count events and the index has not reached ``upper``.
    """
    if log.capabilities.amount_unit != "events":
        return indexed_between(topic, partition, lower, upper, including_upper=True)
    held = [_held(log, topic, partition, token) for token in (lower, upper)]
    return max(0, held[1] - held[0])


def indexed_between(topic: str, partition: int, lower: str, upper: str, *, including_upper: bool) -> int | None:
    """Return the number of events between the two places that the index ever saw, including events trimmed since.

    Returns ``None`` if the index has not reached ``upper`` or cannot be read.
    """
    try:
        row = queries.partition_rows(topic).get(partition)
        if row is None or row.checkpoint < upper:
            return None
        behind_lower = ordinal_after(row, _position(topic, partition, lower))
        behind_upper = ordinal_after(row, _position(topic, partition, upper), inclusive=not including_upper)
    except DatabaseError:
        connection().close()  # Django does not reopen a broken connection by itself
        return None
    return max(0, behind_upper - behind_lower)


def _held(log: Log, topic: str, partition: int, token: str) -> int:
    if not token:
        return 0
    amounts = log.amounts(topic, {partition: log.position(topic, partition, token)})
    return amounts[partition].before if partition in amounts else 0


def _position(topic: str, partition: int, token: str) -> Position | None:
    return Position(topic=topic, partition=partition, token=token) if token else None
