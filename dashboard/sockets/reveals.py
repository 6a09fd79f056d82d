"""The websocket that tells an open page which reveals of its login are in force, so that it hides what an ended one has shown.

It says ``{"active": {"12": 840000}}`` at first, after each change and every few seconds: the reveals, and the milliseconds
that each has left. A page that hears nothing for a while hides what it shows. It is for browsers alone, and closes once
nothing is revealed, or the person may see nothing any more. Whoever has no login gets no websocket, and their page asks
``/reveals/in-force/`` instead.
"""

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from dashboard.access import policy
from dashboard.gateway import shared
from dashboard.models import Person
from dashboard.privacy.by_reason.reveals import active, session_hash
from dashboard.sockets.open_sockets import OpenSockets, Watched
from dashboard.sockets.session import current_account

log = logging.getLogger(__name__)

NONE_LEFT, NOT_ALLOWED, TOO_MANY, TRY_AGAIN = 4200, 4403, 4429, 4503
"""Codes of closing. After the first two, nothing that was revealed may be shown."""
MOST_SOCKETS = 100
"""For one person in each web process: one an open page."""
ASK_EVERY = 10.0
"""Seconds after which the database is asked even if nothing woke the socket."""


class RevealSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page of one login."""

    task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.changed = asyncio.Event()
        self.all_open = shared(OpenSockets)
        person = await self._person()
        if person is None:
            await self.close()  # not accepted yet: the handshake gets a 403
            return
        await self.accept()
        key = self.scope["session"].session_key
        watched = Watched(("person", person.pk), key, reveals=session_hash(key))
        if self.all_open.count(watched.account, of_reveals=True) >= MOST_SOCKETS:
            await self.close(TOO_MANY)
            return
        self.all_open.add(watched, self.changed.set)
        self.task = asyncio.create_task(self._keep_telling(watched.reveals))

    async def disconnect(self, code: int) -> None:
        self.all_open.discard(self.changed.set)
        if self.task is not None:
            self.task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The page has nothing to say."""

    async def _keep_telling(self, login: str) -> None:
        while True:
            self.changed.clear()
            try:
                self.all_open.insist_on_answers()
                person = await self._person()
                found = await database_sync_to_async(active)(person, login) if person is not None else []
            except DatabaseError as error:
                log.warning("reveals could not be checked: %s", type(error).__name__)
                await self.close(TRY_AGAIN)
                return
            left = {str(reveal.pk): reveal.milliseconds_left for reveal in found}
            await self._tell(left)
            if not left:
                await self.close(NOT_ALLOWED if person is None else NONE_LEFT)
                return
            next_end = (found[0].ends - datetime.now(UTC)).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.01, min(next_end, ASK_EVERY))):
                    await self.changed.wait()

    async def _person(self) -> Person | None:
        """Whose page it is, if they may still see pages."""
        account = await current_account(self.scope)
        return account if isinstance(account, Person) and policy.allows(account, "browse") else None

    async def _tell(self, left: dict[str, Any]) -> None:
        with suppress(Disconnected):
            await self.send(text_data=json.dumps({"active": left}))
