"""The part of a websocket's consumer that takes one message after the other."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from eventstore.model import place_of

log = logging.getLogger(__name__)


class Consuming(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Handles messages one by one. Channels would wait for its channel layer too, which costs more than the message."""

    disconnected = False

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Any) -> None:
        """However this ends, ``disconnect`` was called."""
        self.scope, self.base_send = scope, send
        try:
            with suppress(StopConsumer):
                while True:
                    await self.dispatch(await receive())
        except Exception as error:  # noqa: BLE001 - the last resort
            await self.fail(error)
        finally:
            if not self.disconnected:  # the server says nothing more to whom it ends itself
                await self.disconnect(1006)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle received messages here, because they need no database. Channels would use a thread to check connections."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def fail(self, error: Exception) -> None:
        """Close the socket, so that it never stays open and silent.

        The log gets no message of the error, because it may hold a value.
        """
        log.error("A tail's socket ended at an unforeseen %s at %s", type(error).__name__, place_of(error))
        await self.close_after_fault()

    async def close_after_fault(self) -> None:
        """To be defined: close with the code of a fault of ours."""
        raise NotImplementedError
