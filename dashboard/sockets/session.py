"""Who is behind an open websocket now: asked again and again, since logins end and roles are taken away."""

from importlib import import_module
from typing import Any

from channels.auth import get_user
from django.conf import settings

from dashboard.models import Person

_Session = import_module(settings.SESSION_ENGINE).SessionStore


async def person_now(scope: dict[str, Any]) -> Person | None:
    """The active person whose session opened the socket; ``None`` once they have logged out, or were shut out."""
    key = scope["session"].session_key
    if key is None:
        return None
    user = await get_user({"session": _Session(key)})
    return user if isinstance(user, Person) and user.is_active else None
