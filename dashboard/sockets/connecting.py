"""Connections by API tokens on the audit record: what a login is for a person."""

from channels.db import database_sync_to_async

from dashboard import privacy
from dashboard.access.command_actions import CONNECT, api_token
from dashboard.access.policy import SCRIPT
from dashboard.auditing.looks import CLEAR, MASKED
from dashboard.auditing.refusals import note_counted
from dashboard.models import ApiToken, Person
from eventstore.actions import Actor


async def record_connection(account: Person | ApiToken) -> None:
    """Record that a token connects, before it is shown anything, and how it sees values. A person's login is recorded already.

    Repeated ones are counted. Raises ``DatabaseError``.
    """
    if isinstance(account, ApiToken):
        values = CLEAR if privacy.profile_of(account).sees_values else MASKED
        actor = Actor(name=account.get_username(), via=SCRIPT)
        await database_sync_to_async(note_counted)(actor, CONNECT.name, api_token(account.name), {"values": values})
