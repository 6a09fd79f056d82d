"""What every action of this installation passes: the access table, the locks and the record."""

from dashboard.access.policy import PAGE, may
from dashboard.auditing.chain import DatabaseRecord
from dashboard.auditing.refusals import note_refusal
from dashboard.auditing.resource_locks import DatabaseLocks
from eventstore.actions import Actor, Resource, Safeguards


def _may(actor: Actor, action: str, resource: Resource) -> bool:
    """As the access table says. A refusal goes on the record; that of a page does so where its answer is made."""
    allowed = may(actor, action, resource)
    if not allowed and actor.via != PAGE:
        note_refusal(actor, resource, action)
    return allowed


SAFEGUARDS = Safeguards(authorizer=_may, locks=DatabaseLocks(), record=DatabaseRecord())
