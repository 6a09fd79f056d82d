"""The open sockets of this process: how many an account has, and whether it may still have them.

One task asks the database about all of their accounts at once, each second, with at most five queries. It wakes the sockets
of an account of which something has changed: a login that ended, a person who was disabled, has another role or is in other
groups, a token that has ended or was revoked, a reveal that ended. A change in this process is told by a signal, at once, and
so is one in another process, such as a command, if there is Redis (``dashboard.hints``). Neither is relied upon.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError

from dashboard.access.scopes import scope_of, with_groups
from dashboard.hints.changes import LOOK_AGAIN
from dashboard.models import ApiToken, LoginSession, Person
from dashboard.privacy.by_reason.reveals import in_force_of
from dashboard.sockets.session import HASH_IN_SCOPE, Account

log = logging.getLogger(__name__)

ASK_EVERY = 1.0
LEAST_PAUSE = 0.05
"""Seconds between two questions, however many changes are told."""
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
        self._asked: set[Wake] = set()
        """Those that the newest state is about."""
        self._state: State = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def count(self, account: tuple[str, int], *, of_reveals: bool = False) -> int:
        """How many tails of this person or token are open, or how many sockets that tell of reveals."""
        return sum(watched.account == account and bool(watched.reveals) is of_reveals for watched in self._open.values())

    def tails(self) -> Counter[str]:
        """How many tails are open, by the kind of account: "person" or "token"."""
        return Counter(watched.account[0] for watched in list(self._open.values()) if not watched.reveals)

    def add(self, watched: Watched, wake: Wake) -> None:
        """Count a socket as open. ``wake`` is called once soon, and when what decides about its access has changed."""
        self._open[wake] = watched
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def discard(self, wake: Wake) -> None:
        self._open.pop(wake, None)

    async def _watch(self) -> None:
        """Ask until no socket is open."""
        loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

        def note(**_: Any) -> None:
            loop.call_soon_threadsafe(self._changed.set)

        LOOK_AGAIN.connect(note)
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

    async def _ask(self) -> None:
        """Wake the sockets whose state has changed, and those that were never asked about: it may have changed before.

        If the database does not answer, nothing happens here. Each socket asks for itself too, more seldom, and closes then.
        """
        asked = dict(self._open)
        try:
            state: State = await database_sync_to_async(state_of)(set(asked.values()))
        except DatabaseError as error:
            log.info("open sockets could not be checked: %s", type(error).__name__)
            return
        for wake, watched in asked.items():
            keys = (watched.account, ("session", watched.session), ("reveals", watched.reveals))
            if wake not in self._asked or any(self._state.get(key) != state.get(key) for key in keys):
                wake()
        self._asked, self._state = set(asked), state


def state_of(watched: Collection[Watched]) -> State:
    """What decides about the access of these, as the database has it now."""
    now = datetime.now(UTC)
    people = {key for kind, key in (each.account for each in watched) if kind == "person"}
    tokens = {key for kind, key in (each.account for each in watched) if kind == "token"}
    sessions = {each.session for each in watched if each.session}
    state: dict[tuple[str, object], object] = {}
    if people:
        rows = Person.objects.filter(pk__in=people)
        state |= {("person", one.pk): (one.is_active, one.role, one.password, scope_of(one)) for one in with_groups(rows)}
    if sessions:
        kept = LoginSession.objects.filter(session_key__in=sessions, expire_date__gt=now).values_list("session_key", flat=True)
        state |= {("session", key): True for key in kept}
    if tokens:
        found = ApiToken.objects.filter(pk__in=tokens)
        state |= {("token", token.pk): (token.in_force(now), token.role, scope_of(token)) for token in found}
    if logins := {each.reveals for each in watched if each.reveals}:
        state |= {("reveals", login): found for login, found in in_force_of(logins).items()}
    return state
