"""Whether the provider still lets logins stand of which sockets are open. Our own database cannot tell before it is asked."""

import asyncio
import logging
from collections.abc import Callable, Collection

from channels.db import database_sync_to_async

from dashboard.sockets.session import holds_at_provider
from eventstore.model import place_of

log = logging.getLogger(__name__)

ASK_EVERY = 8.0
"""Seconds from one question about a login to the next, however many sockets it has open."""
AT_A_TIME = 4
"""Questions: a provider that is slow must not take all threads."""


async def ask(sessions: Collection[str], ended: Callable[[str], object]) -> None:
    """Ask about each of these sessions once. ``ended`` is called, at once, with each that may show nothing any more.

    What the provider says about roles and groups is in the database afterwards, which tells of that itself.
    """
    turns = asyncio.Semaphore(AT_A_TIME)

    async def ask_about(session: str) -> None:
        async with turns:
            try:
                holds = await database_sync_to_async(holds_at_provider, thread_sensitive=False)(session)
            except Exception as error:  # noqa: BLE001 - the others are asked about all the same; its socket asks for itself too
                log.warning("The provider was not asked about a login: %s at %s", type(error).__name__, place_of(error))
                return
        if not holds:
            ended(session)

    await asyncio.gather(*(ask_about(session) for session in sessions))
