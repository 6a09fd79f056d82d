"""Refused handshakes on the audit record."""

from channels.db import database_sync_to_async

from dashboard.access.actors import page_actor
from dashboard.access.policy import SCRIPT
from dashboard.auditing.reasons import acts_belong_to
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.models import ApiToken, Person
from dashboard.privacy.by_reason.of_request import case_of
from eventstore.actions import Actor

WEBSOCKET = "websocket"


async def record_refusal(account: Person | ApiToken | None, wanted: str = "") -> None:
    """Whose handshake was refused, and what they may not do. Without an account they are one, and counted together."""
    await database_sync_to_async(_note)(account, wanted)


def _note(account: Person | ApiToken | None, wanted: str) -> None:
    if account is None:
        note_refusal(NOBODY, WEBSOCKET)
    elif isinstance(account, ApiToken):
        note_refusal(Actor(name=account.get_username(), via=SCRIPT), WEBSOCKET, wanted)
    else:
        with acts_belong_to(lambda: _open_case(account)):
            note_refusal(page_actor(account.get_username()), WEBSOCKET, wanted)


def _open_case(person: Person) -> tuple[int, str] | None:
    case = case_of(person)
    return (case.pk, person.username) if case is not None else None
