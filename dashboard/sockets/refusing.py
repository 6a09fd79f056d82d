"""Refused handshakes on the audit record."""

from channels.db import database_sync_to_async

from dashboard.access.policy import PAGE, SCRIPT
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.models import ApiToken, Person
from eventstore.actions import Actor

WEBSOCKET = "websocket"


async def record_refusal(account: Person | ApiToken | None, wanted: str = "") -> None:
    """Whose handshake was refused, and what they may not do. Without an account they are one, and counted together."""
    if account is None:
        await database_sync_to_async(note_refusal)(NOBODY, WEBSOCKET)
        return
    via = SCRIPT if isinstance(account, ApiToken) else PAGE
    await database_sync_to_async(note_refusal)(Actor(name=account.get_username(), via=via), WEBSOCKET, wanted)
