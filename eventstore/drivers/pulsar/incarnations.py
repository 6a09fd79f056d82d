"""Tells the log of a topic from another one of the same name, and to which of them a ledger belongs.

The broker's metadata have the time at which a log was created. It stays the same as long as the log lives, over unloading,
trimming and restarts of the broker. Within one cluster no ledger's number is ever used again, so that a ledger which a log
is known to have needs no second question. A cluster that lost its metadata begins to number anew: whoever follows a log
opens it again after its broker was away.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import MadeAnew, StoreUnreachable

REMEMBERED = 10_000
RECENT_SECONDS = 1.0
"""How long one answer serves whoever opens the same partition."""
FRESH_SECONDS = 5.0
"""How long one answer serves the pages that read single events of the partition."""

Identify = Callable[[int], str]
"""Returns the incarnation to which a ledger belongs; empty if it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogIdentity:
    """What the broker told of a log at a time (monotonic). ``incarnation`` is empty if there is no such log yet, or if the
    broker's metadata keep no creation times."""

    incarnation: str
    ledgers: frozenset[int]
    at: float


class Incarnations:
    """What is known of the cluster's logs. Thread-safe.

    An answer that tells nothing (``Admin.log_info``) never takes the place of one that did.
    """

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._known: OrderedDict[str, LogIdentity] = OrderedDict()
        self._asking: dict[str, Future[LogIdentity | None]] = {}

    def of(self, log: TopicName) -> LogIdentity:
        """Return what the broker says of the log, or said within the last second.

        Raises ``StoreUnreachable`` if it cannot say: then nobody knows whose log would be read.
        """
        found = self._told_within(log, RECENT_SECONDS) or self._ask(log)
        if found is None:
            raise _silent(log)
        return found

    def of_ledger(self, log: TopicName, ledger: int) -> str:
        """Return the incarnation to which a ledger belongs that a page has read; empty if the broker does not tell.

        A page reads with several threads, which all want to know at the same moment: one of them asks.
        """
        known = self._told_within(log, FRESH_SECONDS) or self._ask_together(log)
        if known is None or ledger not in known.ledgers:
            known = self._ask(log)
        return known.incarnation if known is not None and ledger in known.ledgers else ""

    def follow(self, log: TopicName, known: LogIdentity) -> Identify:
        """Return how a reader of this log, as it was when the reader was opened, finds out about each new ledger.

        Raises ``MadeAnew`` for the first ledger of another log, and ``StoreUnreachable`` for a ledger of which the broker
        cannot say whose it is. The broker is asked only about ledgers that were not there before.
        """
        latest = known

        def identify(ledger: int) -> str:
            nonlocal latest
            if ledger in latest.ledgers:
                return latest.incarnation
            found = self._ask(log)
            if found is None:
                raise _silent(log)
            if latest.incarnation and found.incarnation != latest.incarnation:
                raise _made_anew(log)  # or gone: nobody can tell whose ledger this was
            if not latest.incarnation and ledger not in found.ledgers:
                return ""
            latest = found
            return latest.incarnation

        return identify

    def _told_within(self, log: TopicName, seconds: float) -> LogIdentity | None:
        with self._lock:
            known = self._known.get(log.uri)
        return known if known is not None and time.monotonic() - known.at < seconds else None

    def _ask_together(self, log: TopicName) -> LogIdentity | None:
        """As ``_ask``. Who comes while another thread asks gets its answer, or its error."""
        mine = Future[LogIdentity | None]()
        with self._lock:
            asked = self._asking.setdefault(log.uri, mine)
        if asked is not mine:
            return asked.result()
        try:
            mine.set_result(self._ask(log))
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asking[log.uri]
        return mine.result()

    def _ask(self, log: TopicName) -> LogIdentity | None:
        """Return what the broker says now; ``None`` if it cannot say."""
        at = time.monotonic()
        told = self._admin.log_info(log)
        if told is None:
            return None
        found = _identity(told, at)
        with self._lock:
            self._known[log.uri] = found
            self._known.move_to_end(log.uri)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found


def check_same(log: TopicName, before: str, now: str) -> None:
    """Raise ``MadeAnew`` if these are two incarnations. An empty one is not known, and proves nothing."""
    if before and now and before != now:
        raise _made_anew(log)


def _made_anew(log: TopicName) -> MadeAnew:
    return MadeAnew(f"The topic {log} was deleted and made anew while it was read: open it again.")


def _silent(log: TopicName) -> StoreUnreachable:
    return StoreUnreachable(
        f"The broker cannot say which log {log} is now: it answers, but its metadata store may not. Try again in a moment."
    )


def _identity(told: Json, at: float) -> LogIdentity:
    ledgers = frozenset(int(ledger["ledgerId"]) for ledger in told.get("ledgers") or ())
    return LogIdentity(incarnation=_moment(str(told.get("creationDate") or "")), ledgers=ledgers, at=at)


def _moment(text: str) -> str:
    """Return the creation time in UTC, whatever zone the broker runs in.

    A metadata store that keeps no such times says 1970, which tells nothing.
    """
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return ""
    return moment.isoformat(timespec="milliseconds") if moment.year > 1970 else ""
