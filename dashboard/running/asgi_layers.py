"""Layers around the application, for what daphne lets through in either direction."""

from collections.abc import Awaitable, Callable
from typing import Any

from dashboard.running.instruments import SOCKETS_REFUSED
from dashboard.running.memory import giving_back

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
NO_CONTENT, NOT_MODIFIED = 204, 304


def without_needless_bodies(application: Application) -> Application:
    """The application, whose answers to HEAD and of status 1xx, 204 and 304 are headers only. A HEAD keeps its length.

    daphne writes the body of such an answer from its second chunk on. On a connection that is kept alive, these bytes stand
    before the next answer.
    """

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        bodiless = scope["type"] == "http" and scope["method"] == "HEAD"

        async def send_part(message: dict[str, Any]) -> None:
            nonlocal bodiless
            if message["type"] == "http.response.start":
                status = message["status"]
                bodiless = bodiless or status < 200 or status in (NO_CONTENT, NOT_MODIFIED)
                if status < 200 or status == NO_CONTENT:  # these must not have a length either
                    headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"content-length"]
                    message = {**message, "headers": headers}
            elif message["type"] == "http.response.body" and bodiless:
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await application(scope, receive, send_part)

    return guarded


def without_root_path(application: Application) -> Application:
    """The application at the root of its host. daphne lets any client move it, by a header named Daphne-Root-Path."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await application({**scope, "root_path": ""}, receive, send)

    return guarded


def counting_refusals(application: Application) -> Application:
    """The application, of which websockets are counted that end before they were accepted: to the client, a 403."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        accepted = False

        async def send_part(message: dict[str, Any]) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            if message["type"] == "websocket.close" and not accepted:
                SOCKETS_REFUSED.inc()
            await send(message)

        await application(scope, receive, send_part)

    return guarded


def giving_memory_back(application: Application) -> Application:
    """The application, after each of whose requests and sockets free memory goes back to the system in a while."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        finally:
            giving_back.note()

    return guarded
