"""Reveals: what one login sees of masked values for a stated reason, and what ends that.

Each question is answered from the row, the clock, the person's role and the case, so that a reveal ends at once in every
process, whatever has died meanwhile. A person sees it in the login that began it, in no other, and never by an API token.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import CharField, DateTimeField, IntegerField, Q, QuerySet
from django.utils.crypto import salted_hmac

from dashboard.access.policy import allows
from dashboard.hints import changes
from dashboard.models import Case, Person, Reveal, Role
from dashboard.privacy.handles import known_handle, public_id
from dashboard.privacy.profiles import Subject
from eventstore.prepared import Prepared

FIELD, EVENT, AGGREGATE = "field", "event", "aggregate"
BY_TIME, BY_HAND, BY_LOGOUT, BY_ROLE, BY_CASE = "time", "by hand", "logout", "role", "case"
"""What ended a reveal."""
REVEAL, EMERGENCY_REVEAL, SEE_EMERGENCY = "reveal", "emergency_reveal", "see_emergency"
"""The actions of the access table."""
COUNTS_FOR = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stated:
    """Why it is revealed, and from where. ``emergency``: by somebody without the right."""

    reason: str
    ticket: str
    address: str = ""
    emergency: bool = False


def session_hash(key: str | None) -> str:
    """The login, as a row keeps it; empty for none. The key itself would let whoever reads the table in."""
    return salted_hmac("dashboard.privacy.by_reason.reveals", key, algorithm="sha256").hexdigest() if key else ""


def begin(person: Person, session: str, subject: Subject, stated: Stated, *, lasts: timedelta, case: Case | None) -> Reveal:
    """Reveal it from now on. It ends with the case at the latest."""
    now = datetime.now(UTC)
    ends = min(now + lasts, case.ends) if case is not None else now + lasts
    made = Reveal.objects.create(
        person_id=person.pk,  # a request's person is a lazy object, which is no account to the database's router
        role=person.role,
        session=session,
        case=case,
        begun=now,
        ends=ends,
        kind=subject.kind,
        topic=subject.topic,
        aggregate_type=subject.aggregate_type,
        aggregate_id=public_id(subject.aggregate_type, subject.aggregate_id),
        event_id=subject.event_id,
        path=subject.path,
        reason=stated.reason,
        ticket=stated.ticket,
        address=stated.address,
        emergency=stated.emergency,
    )
    changes.tell()
    return made


def active(person: Person, session: str) -> Sequence[Reveal]:
    """What this login may see now, the first to end at first. Those that the person's role no longer covers are ended."""
    if not session:
        return []
    found = _OF_LOGIN(person=person.pk, session=session, now=datetime.now(UTC))
    lost = [reveal.pk for reveal in found if not may_keep(person, reveal)]
    if lost:
        _end(Reveal.objects.filter(pk__in=lost), BY_ROLE)
    return [reveal for reveal in found if reveal.pk not in lost]


def in_force_of(sessions: Collection[str]) -> Mapping[str, tuple[int, ...]]:
    """The reveals that each of these logins has now. What has none is missing."""
    found: dict[str, tuple[int, ...]] = {}
    rows = _in_force(datetime.now(UTC)).filter(session__in=sessions).order_by("pk")
    for session, pk in rows.values_list("session", "pk"):
        found[session] = (*found.get(session, ()), pk)
    return found


def already(found: Sequence[Reveal], subject: Subject) -> Reveal | None:
    """The one among these that shows just this."""
    return next((reveal for reveal in found if subject_of(reveal) == subject), None)


def subject_of(reveal: Reveal) -> Subject:
    return Subject(
        kind=reveal.kind,
        topic=reveal.topic,
        aggregate_type=reveal.aggregate_type,
        aggregate_id=_meant(reveal.aggregate_type, reveal.aggregate_id),
        event_id=reveal.event_id,
        path=reveal.path,
    )


def _meant(type: str, id: str) -> str:
    """The id that a row keeps, which is a handle if it is personal."""
    known = known_handle(id)
    return known[1] if known is not None and known[0] == type else id


def end(reveal: Reveal, how: str = BY_HAND) -> bool:
    """End it now. Returns whether it was still in force."""
    return _end(Reveal.objects.filter(pk=reveal.pk), how) > 0


def end_of_login(key: str | None) -> None:
    """End what this login sees: it is over."""
    if session := session_hash(key):
        _end(Reveal.objects.filter(session=session), BY_LOGOUT)


def end_of_case(case: Case) -> None:
    _end(Reveal.objects.filter(case=case), BY_CASE)


def end_of_role(person: Person) -> None:
    """End what the person's account of now no longer covers."""
    found = _in_force(datetime.now(UTC)).filter(person=person)
    _end(Reveal.objects.filter(pk__in=[one.pk for one in found if not may_keep(person, one)]), BY_ROLE)


def how_it_ended(reveal: Reveal, now: datetime) -> str:
    """What ended it; empty while it is in force, as far as its row tells."""
    if reveal.ended is not None:
        return reveal.how_ended
    case = reveal.case
    if case is not None and (case.closed or case.ends) <= min(now, reveal.ends):
        return BY_CASE
    return BY_TIME if reveal.ends <= now else ""


def unseen_emergencies() -> QuerySet[Reveal]:
    """Emergency reveals that no privacy officer has seen yet, the newest first."""
    return Reveal.objects.filter(emergency=True, seen=None).select_related("person").order_by("-begun")


def has_privacy_officer() -> bool:
    """Whether somebody is there to be told of an emergency.

    Who left at the sign-in provider never comes back, and keeps the role: an account without a password here counts for
    ``COUNTS_FOR`` after each login.
    """
    gone = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX, last_login__lt=datetime.now(UTC) - COUNTS_FOR)
    return Person.objects.filter(role=Role.PRIVACY, is_active=True).exclude(gone).exists()


def _in_force(now: datetime) -> QuerySet[Reveal]:
    of_open_case = Q(case=None) | Q(case__closed=None, case__ends__gt=now)
    return Reveal.objects.filter(of_open_case, ended=None, ends__gt=now).select_related("case")


_OF_LOGIN = Prepared(
    lambda person, session, now: _in_force(now).filter(person=person, session=session).order_by("ends"),
    person=IntegerField(),
    session=CharField(),
    now=DateTimeField(),
)


def may_keep(person: Person, reveal: Reveal) -> bool:
    """Whether the person's role of now still covers it."""
    return person.role == reveal.role and allows(person, EMERGENCY_REVEAL if reveal.emergency else REVEAL)


def _end(rows: QuerySet[Reveal], how: str) -> int:
    now = datetime.now(UTC)
    ended = rows.filter(ended=None, ends__gt=now).update(ended=now, how_ended=how)
    if ended:
        changes.tell()
    return ended
