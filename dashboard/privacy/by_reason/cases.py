"""Cases: what one person does for one ticket, from when until when. A case ends by itself, and its reveals end with it."""

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, F, IntegerField

from dashboard.models import AuditHead, Case, Person
from dashboard.privacy.by_reason import reveals
from eventstore.prepared import Prepared

BY_TIME, BY_HAND = "time", "by hand"
"""What closed a case."""


def open_case(person: Person) -> Case | None:
    """The person's open case."""
    return next(iter(_OPEN(person=person.pk, now=datetime.now(UTC))), None)


_OPEN = Prepared(
    lambda person, now: (
        Case.objects.select_related("person").filter(person=person, closed=None, ends__gt=now).order_by("pk")[:1]
    ),
    person=IntegerField(),
    now=DateTimeField(),
)


def begin(person: Person, *, ticket: str, reason: str, lasts: timedelta) -> Case | None:
    """Open a case; ``None`` where the person has an open one already."""
    now = datetime.now(UTC)
    Case.objects.filter(person=person, closed=None, ends__lte=now).update(closed=F("ends"), how_closed=BY_TIME)
    head = AuditHead.objects.filter(id=1).first()
    try:
        with transaction.atomic():
            return Case.objects.create(
                person_id=person.pk,
                ticket=ticket,
                reason=reason,
                opened=now,
                ends=now + lasts,
                after=head.number if head else 0,
            )
    except IntegrityError:
        return None


def end(case: Case) -> bool:
    """Close the case, and end its reveals, at once. Returns whether it was open."""
    now = datetime.now(UTC)
    with transaction.atomic():
        closed = Case.objects.filter(pk=case.pk, closed=None, ends__gt=now).update(closed=now, how_closed=BY_HAND)
        reveals.end_of_case(case)
    case.refresh_from_db()
    return closed > 0


def closed_at(case: Case, now: datetime) -> datetime | None:
    """When it ended; ``None`` while it is open."""
    if case.closed is not None:
        return case.closed
    return case.ends if case.ends <= now else None


def how_it_closed(case: Case, now: datetime) -> str:
    """What closed it; empty while it is open."""
    if case.closed is not None:
        return case.how_closed
    return BY_TIME if case.ends <= now else ""
