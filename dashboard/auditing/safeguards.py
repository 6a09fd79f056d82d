"""What every action of this installation passes: the access table, the locks and the record."""

from dashboard.access.policy import PAGE, may, most_unapproved, why_not
from dashboard.auditing.chain import DatabaseRecord
from dashboard.auditing.refusals import note_refusal
from dashboard.auditing.resource_locks import DatabaseLocks
from eventstore.actions import Action, Actor, Resource, Safeguards
from eventstore.model import NotAllowed


def _may(actor: Actor, action: str, resource: Resource) -> bool:
    """As the access table says. A refusal goes on the record; that of a page does so where its answer is made."""
    allowed = may(actor, action, resource)
    if not allowed and actor.via != PAGE:
        note_refusal(actor, resource, action)
    return allowed


def refuse(actor: Actor, action: Action, resource: Resource) -> None:
    """Raise ``NotAllowed`` if the actor may not, before the store is asked anything: what is there is then not told either."""
    if not _may(actor, action.name, resource):
        raise NotAllowed(why_not(actor, action.name, resource))


SAFEGUARDS = Safeguards(
    authorizer=_may, locks=DatabaseLocks(), record=DatabaseRecord(), refusal=why_not, unapproved=most_unapproved
)
