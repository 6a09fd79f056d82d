"""The two ways in: a browser with a session and an Origin of this installation, or a script with an API token and no Origin.

A browser sends its Origin with every websocket and cannot omit it, so another site's page cannot pass for a script. And a
cookie never opens a socket for scripts, so a page cannot get what only a token may receive.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import WebsocketDenier

from dashboard.access import tokens
from dashboard.sockets.origin_check import is_trusted
from dashboard.sockets.refusing import record_refusal
from dashboard.sockets.session import HASH_IN_SCOPE

JSON = "eventdesk.json"
"""The subprotocol for scripts."""

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def with_origin_or_token(application: Application) -> Application:
    """The application behind both ways in. A connection that fits neither is refused at the handshake."""
    browsers: Application = AuthMiddlewareStack(application)
    denied: Application = WebsocketDenier()

    async def guard(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = [(name.lower(), value) for name, value in scope.get("headers", [])]
        token = _bearer_token([value for name, value in headers if name == b"authorization"])
        is_browser = any(name == b"origin" for name, _ in headers)
        if is_trusted(scope):
            await browsers(scope, receive, send)
        elif token and not is_browser and JSON in scope.get("subprotocols", []):
            await application({**scope, HASH_IN_SCOPE: tokens.hash_of(token)}, receive, send)
        else:
            await record_refusal(None)
            await denied(scope, receive, send)

    return guard


def _bearer_token(authorizations: list[bytes]) -> str:
    """The token, if there is exactly one Authorization header and it holds a bearer token. Otherwise empty."""
    if len(authorizations) != 1:
        return ""
    return tokens.bearer_token(authorizations[0].decode("latin-1"))
