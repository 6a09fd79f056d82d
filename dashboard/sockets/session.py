"""Whose an open websocket is now. Sockets ask repeatedly, because logins end, tokens are revoked, and roles change."""

from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings

from dashboard.access import tokens
from dashboard.accounts.second_factor import step_of
from dashboard.models import ApiToken, Person
from dashboard.signin.checking import says_provider, still_holds

Account = Person | ApiToken
HASH_IN_SCOPE = "api_token_hash"
"""The key under which ``dashboard.sockets.handshake`` puts the hash of a script's token into the scope."""

_Session = import_module(settings.SESSION_ENGINE).SessionStore


async def current_account(scope: dict[str, Any]) -> Account | None:
    """The token that opened the socket, or the active person whose session did. ``None`` once either has ended, and while
    the login still needs a second factor."""
    if HASH_IN_SCOPE in scope:
        token: ApiToken | None = await database_sync_to_async(tokens.in_use)(scope[HASH_IN_SCOPE])
        return token
    key = scope["session"].session_key
    if key is None:
        return None
    session = _Session(key)
    user: Person | None = await database_sync_to_async(_whole_login)(session)
    if user is None:
        return None
    # Not in the thread that all sockets share: the provider may take its time.
    holds: bool = await database_sync_to_async(still_holds, thread_sensitive=False)(session, user)
    return user if holds else None


def _whole_login(session: Any) -> Person | None:
    """In one turn of the thread, which opens a connection to the database for each: a thousand sockets ask."""
    user = get_user.func({"session": session})
    if not isinstance(user, Person) or not user.is_active or step_of(user, session) is not None:
        return None
    return user


def holds_at_provider(key: str) -> bool:
    """Whether the login of this session still holds, as its provider says now. True for one without a provider."""
    return says_provider(_Session(key))
