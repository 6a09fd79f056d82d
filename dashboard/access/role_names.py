"""Which roles may do something, said in words: for those who may not."""

from dashboard.access.policy import TABLE
from dashboard.models import Role


def who_may(action: str) -> str:
    """ "support, approver or admin"; ``KeyError`` for an action that the table does not know."""
    allowed = [str(role.label) for role in Role if role in TABLE[action].roles]
    if not allowed:
        return "nobody"
    return " or ".join(filter(None, [", ".join(allowed[:-1]), allowed[-1]]))
