"""The two ways in: a browser with a session and an Origin of this installation, and a script with an API token and no Origin.

A browser sends its Origin with every websocket and cannot leave it away, so that no other site's page passes for a script;
and what a script may be sent by its token is never opened by a cookie.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import WebsocketDenier

from dashboard.access import tokens
from dashboard.sockets.origin_check import is_trusted
from dashboard.sockets.session import HASH_IN_SCOPE

JSON = "eventdesk.json"
"""The subprotocol for scripts."""

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def with_origin_or_token(application: Application) -> Application:
    """The application behind both doors. Whoever comes through neither is refused at the handshake."""
    browsers: Application = AuthMiddlewareStack(application)
    denied: Application = WebsocketDenier()

    async def door(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = [(name.lower(), value) for name, value in scope.get("headers", [])]
        token = _bearer([value for name, value in headers if name == b"authorization"])
        of_a_browser = any(name == b"origin" for name, _ in headers)
        if is_trusted(scope):
            await browsers(scope, receive, send)
        elif token and not of_a_browser and JSON in scope.get("subprotocols", []):
            await application({**scope, HASH_IN_SCOPE: tokens.hash_of(token)}, receive, send)
        else:
            await denied(scope, receive, send)

    return door


def _bearer(authorizations: list[bytes]) -> str:
    """The token of the one Authorization header; empty where there is none, or anything else."""
    if len(authorizations) != 1:
        return ""
    scheme, _, token = authorizations[0].decode("latin-1").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= tokens.LONGEST else ""
