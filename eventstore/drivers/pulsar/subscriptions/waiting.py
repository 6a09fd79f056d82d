"""Why entries wait that no consumer is to blame for: they are delayed, or an open transaction is before them.

The broker's ``stats`` say whether a partition has any such entry. Only then are entries looked at, and each only once: an
entry never changes.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.ledgers import Layout, Places
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import StoreUnreachable
from eventstore.model.subscriptions import OpenTransaction, left_out

REMEMBERED = 10_000
LOOKED_AT = 10
"""Waiting entries of a partition whose times of delivery are looked up. Each costs a request, once."""
PUBLISHED, DELIVER_AT = "x-pulsar-publish-time", "x-pulsar-deliver-at-time"
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryTimes:
    """When an entry was published, and when it is to be delivered; ``None``: not told, or at once."""

    published: datetime | None = None
    due: datetime | None = None


class Entries:
    """The times of entries, as the broker tells them. Thread-safe."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int, int, tuple[int, str]], EntryTimes] = OrderedDict()
        """By log, ledger, entry and ``Layout.newest``: a broker that lost its data gives the same numbers again."""

    def times(self, log: TopicName, layout: Layout, place: int) -> EntryTimes:
        """Return the times of the entry that has ``place`` others before it."""
        ledger, entry = layout.at(place)
        key = (str(log), ledger, entry, layout.newest)
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            headers = self._admin.headers_of(log, ledger, entry)
        except StoreUnreachable:  # headers too large for the connection, or a broker that is away, which others will say
            headers = None
        if headers is None:
            return EntryTimes()
        found = EntryTimes(published=instant(headers.get(PUBLISHED, "")), due=instant(headers.get(DELIVER_AT, "")))
        with self._lock:
            self._known[key] = found
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    def due(self, log: TopicName, layout: Layout, done: Places) -> Mapping[tuple[int, int], datetime]:
        """Return when the first waiting entries are to be delivered, of those that are delayed until then."""
        now, found = datetime.now(UTC), {}
        for place in islice(left_out(done, layout.entries), LOOKED_AT):
            due = self.times(log, layout, place).due
            if due is not None and due > now:
                found[layout.at(place)] = due
        return found

    def behind(self, log: TopicName, layout: Layout, done: Places) -> OpenTransaction | None:
        """Return the open transaction that the next entry waits for; ``None`` if some entry before it waits as well."""
        last = self._admin.last_delivered(log)
        if last is None:
            return None
        delivered = layout.count_up_to(*last)
        if delivered >= layout.entries or next(left_out(done, layout.entries), layout.entries) < delivered:
            return None
        return OpenTransaction(since=self.times(log, layout, delivered).published)


def instant(text: str) -> datetime | None:
    """Parse the broker's ``2026-11-29T13:45:01.123Z`` or ``…+01:00``, with any number of digits after the second; ``None`` for
    anything else."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    return datetime.fromisoformat(f"{match[1]}{match[2] or ''}{match[3]}").astimezone(UTC)
