"""The open sockets of this process: how many an account has, and whether it may still have them.

One task asks the database about all of their accounts at once, each second, with at most five queries, in a thread that keeps
its connection: to open one takes six times as long as to ask. It wakes the sockets
of an account of which something has changed: a login that ended, a person who was disabled, has another role or is in other
groups, a token that has ended or was revoked, a reveal that ended. A change in this process is told by a signal, at once, and
so is one in another process, such as a command, if there is Redis (``dashboard.hints``). Neither is relied upon.
Another task asks the provider about the logins that came from it, each once for all of its sockets.
"""

import asyncio
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import Error as AnyDatabaseError
from django.db import OperationalError, connection, connections

from dashboard.access.scopes import Scope, scope_of, with_groups
from dashboard.hints.changes import LOOK_AGAIN
from dashboard.models import ApiToken, LoginSession, Person
from dashboard.privacy.by_reason.reveals import in_force_of
from dashboard.signin.provider import provider
from dashboard.sockets import at_the_provider
from dashboard.sockets.session import HASH_IN_SCOPE, Account
from eventstore.file_changes import sqlite_file
from eventstore.model import place_of

log = logging.getLogger(__name__)

ASK_EVERY = 1.0
LEAST_PAUSE = 0.05
"""Seconds between two questions, however many changes are told."""
ANSWER_WITHIN = 5.0
"""Seconds that a question may take. After that, its thread and connection are left to themselves, and the next question gets
others: a database whose host went silent may not answer for hours."""
MOST_LEFT = 3
"""Threads that may still wait for an answer that nobody expects. With so many, nothing more is asked."""
MOST_FAILURES = 8
"""Questions in a row without an answer, after which the sockets close. To ask each for itself would take as many times as long
as a connection that is not made."""
FOR_EACH_OPEN = 0.2
"""Seconds by which each open socket makes the interval longer at which each asks for itself, from fifty on: a thousand that
ask every ten seconds take half of a processor. What has changed in the database is noticed within a second all the same while
the question about all is answered, and what has at the provider within ten. While it is not, the interval stays as it is, and
after ``MOST_FAILURES``, within a minute, all close."""
_opened = threading.local()
"""``file``: the device and inode of the SQLite file that this thread has open."""
Wake = Callable[[], object]
State = Mapping[tuple[str, object], object]
"""What decides about access, for each account and session. What is gone is missing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose a socket is: a person by a session, or a token. ``account`` is "person" or "token", and its key.

    ``reveals``: the login as reveals are kept by it, for a socket that tells when they end.
    """

    account: tuple[str, int]
    session: str = ""
    reveals: str = ""


def watched_of(scope: Mapping[str, Any], account: Account) -> Watched:
    if HASH_IN_SCOPE in scope:
        return Watched(("token", account.pk))
    return Watched(("person", account.pk), scope["session"].session_key)


class OpenSockets:
    """All of this process, which has one event loop for them. ``shared(OpenSockets)`` is the one object."""

    def __init__(self) -> None:
        self._open: dict[Wake, Watched] = {}
        self._last: dict[Wake, State] = {}
        """What decided about each when it was opened, if that is known, and then at the newest question."""
        self._changed = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._asks_provider: asyncio.Task[None] | None = None
        self._asking = _thread()
        self._left: list[Future[State]] = []
        """Questions that took too long."""

    def __len__(self) -> int:
        return len(self._open)

    def count(self, account: tuple[str, int], *, of_reveals: bool = False) -> int:
        """How many tails of this person or token are open, or how many sockets that tell of reveals."""
        return sum(watched.account == account and bool(watched.reveals) is of_reveals for watched in self._open.values())

    def ask_again_after(self, seconds: float) -> float:
        """After how many seconds a socket is to ask for itself again: so many, or more if many are open and the question about
        all of them is answered.

        It is up to a quarter less, so that sockets that were opened together do not hold up everybody's frames together.
        """
        longer = 0.0 if self._failures else FOR_EACH_OPEN * len(self._open)
        return max(seconds, longer) * random.uniform(0.75, 1.0)  # noqa: S311 (keeps no secret)

    def insist_on_answers(self) -> None:
        """Raise a database's error if ``MOST_FAILURES`` questions in a row had no answer."""
        if self._failures >= MOST_FAILURES:
            raise OperationalError("The database does not answer who may keep an open socket.")

    def tails(self) -> Counter[str]:
        """How many tails are open, by the kind of account: "person" or "token"."""
        return Counter(watched.account[0] for watched in list(self._open.values()) if not watched.reveals)

    def add(self, watched: Watched, wake: Wake, state: State | None = None) -> None:
        """Count a socket as open. ``wake`` is called when what decides about its access is another than ``state``, with which
        it was opened; without that, once soon. From then on whenever it has changed."""
        self._open[wake] = watched
        if state is not None:
            self._last[wake] = state
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        if provider() is not None and (self._asks_provider is None or self._asks_provider.done()):
            self._asks_provider = asyncio.create_task(self._keep_asking_provider())

    def discard(self, wake: Wake) -> None:
        self._open.pop(wake, None)
        self._last.pop(wake, None)

    async def _watch(self) -> None:
        """Ask until no socket is open."""
        loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

        def note(**_: Any) -> None:
            loop.call_soon_threadsafe(self._changed.set)

        LOOK_AGAIN.connect(note)
        self._asking = _thread()
        try:
            while self._open:
                self._changed.clear()
                await self._ask()
                await asyncio.sleep(LEAST_PAUSE)
                with suppress(TimeoutError):
                    async with asyncio.timeout(ASK_EVERY):
                        await self._changed.wait()
        finally:
            LOOK_AGAIN.disconnect(note)
            _leave(self._asking)

    async def _ask(self) -> None:
        """Wake the sockets whose state has changed, and those of which no earlier one is known: it may have changed before.

        If the database does not answer, nothing happens at first. Each socket asks for itself too, more seldom, and closes
        then; after ``MOST_FAILURES`` all do at once. Whatever fails, the next question is asked.
        """
        asked = dict(self._open)
        try:
            state = await self._told(set(asked.values()))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return
        self._failures = 0
        for wake, watched in asked.items():
            now = {key: state[key] for key in _keys_of(watched) if key in state}
            if wake in self._open and self._last.get(wake) != now:
                self._last[wake] = now
                wake()

    async def _told(self, watched: Collection[Watched]) -> State:
        """Raises ``TimeoutError`` if there is no answer in time. One that comes later is the next question's."""
        late = [question for question in self._left if question.done()]
        self._left = [question for question in self._left if not question.done()]
        if late and not late[-1].exception():
            return late[-1].result()
        if len(self._left) >= MOST_LEFT:
            raise TimeoutError
        question = self._asking.submit(_state_told, watched)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await asyncio.wrap_future(question)
        except TimeoutError:
            self._left.append(question)
            _leave(self._asking)
            self._asking = _thread()
            raise

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("Open sockets could not be checked: %s at %s", type(error).__name__, place_of(error))
        if self._failures % MOST_FAILURES == 0:
            for wake in list(self._open):
                wake()

    async def _keep_asking_provider(self) -> None:
        """Until no socket is open. Each asks for itself when it is opened."""
        while self._open:
            await asyncio.sleep(at_the_provider.ASK_EVERY)
            await at_the_provider.ask({each.session for each in self._open.values() if each.session}, self._wake_all_of)

    def _wake_all_of(self, session: str) -> None:
        for wake, watched in list(self._open.items()):
            if watched.session == session:
                wake()


def _thread() -> ThreadPoolExecutor:
    """The thread that asks. It begins with its first question."""
    return ThreadPoolExecutor(1, thread_name_prefix="open sockets")


def _leave(asking: ThreadPoolExecutor) -> None:
    """Close its connection and end it, once it is through with its question."""
    asking.submit(connections.close_all)
    asking.shutdown(wait=False)


def _keys_of(watched: Watched) -> Collection[tuple[str, object]]:
    return watched.account, ("session", watched.session), ("reveals", watched.reveals)


def state_when_opened(watched: Watched, account: Account, scope: Scope) -> State:
    """What ``state_of`` tells of a socket without reveals, as the account was when it was let in, with this scope."""
    if isinstance(account, ApiToken):
        return {watched.account: _of_token(account, scope, datetime.now(UTC))}
    return {watched.account: _of_person(account, scope), ("session", watched.session): True}


def _of_person(person: Person, scope: Scope) -> object:
    return person.is_active, person.role, person.password, scope


def _of_token(token: ApiToken, scope: Scope, now: datetime) -> object:
    return token.in_force(now), token.role, scope


def _state_told(watched: Collection[Watched]) -> State:
    """Ask with the connection that this thread keeps. If that fails, it may be the connection, so ask with a new one."""
    _close_if_replaced()
    try:
        return state_of(watched)
    except AnyDatabaseError:
        connections.close_all()
        return state_of(watched)


def _close_if_replaced() -> None:
    """Close the connection if another SQLite file has taken the place of its own, which could be read for ever."""
    if (file := _sqlite_file()) is None:
        return
    if getattr(_opened, "file", file) != file:
        connections.close_all()
    _opened.file = file


def _sqlite_file() -> tuple[int, int] | None:
    """Its device and inode; ``None`` for PostgreSQL, or if there is none at the moment."""
    return sqlite_file(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else None


def state_of(watched: Collection[Watched]) -> State:
    """What decides about the access of these, as the database has it now."""
    now = datetime.now(UTC)
    people = {key for kind, key in (each.account for each in watched) if kind == "person"}
    tokens = {key for kind, key in (each.account for each in watched) if kind == "token"}
    sessions = {each.session for each in watched if each.session}
    state: dict[tuple[str, object], object] = {}
    if people:
        rows = Person.objects.filter(pk__in=people)
        state |= {("person", one.pk): _of_person(one, scope_of(one)) for one in with_groups(rows)}
    if sessions:
        kept = LoginSession.objects.filter(session_key__in=sessions, expire_date__gt=now).values_list("session_key", flat=True)
        state |= {("session", key): True for key in kept}
    if tokens:
        found = ApiToken.objects.filter(pk__in=tokens)
        state |= {("token", token.pk): _of_token(token, scope_of(token), now) for token in found}
    if logins := {each.reveals for each in watched if each.reveals}:
        state |= {("reveals", login): found for login, found in in_force_of(logins).items()}
    return state
