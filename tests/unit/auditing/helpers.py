"""What the tests of the audit record share: acts, entries, and the database itself."""

from typing import Any

from django.db import connection

from dashboard.auditing.chain import DatabaseRecord
from dashboard.models import AuditEntry
from eventstore.actions import Actor, Ending, Outcome, Resource, subscription_resource

ANNA = Actor(name="anna")
BEN = Actor(name="ben", via="command line")
MAILER = subscription_resource("patients", "mailer")


def entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("number"))


def an_act(number: int = 1, actor: Actor = ANNA, action: str = "reset_cursor", on: Resource = MAILER) -> str:
    record = DatabaseRecord()
    act = record.intended(actor, action, on, {"events": number})
    record.ended(act, done(moved=number))
    return act


def done(**facts: Any) -> Outcome:
    return Outcome(ending=Ending.DONE, facts=facts)


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
