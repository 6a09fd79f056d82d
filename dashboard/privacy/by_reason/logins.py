"""Whether somebody can still see what was revealed: a login may end without telling, and a row runs on to its time."""

from collections.abc import Sequence, Set
from datetime import UTC, datetime

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from dashboard.models import LoginSession, Person, Reveal
from dashboard.privacy.by_reason.reveals import BY_ROLE, how_it_ended, may_keep, session_hash

BY_LOGIN = "login"
"""The login is over and nobody logged out: the session ran out, or the password was changed. When is not known."""


def with_ends(found: Sequence[Reveal]) -> list[tuple[Reveal, str]]:
    """Each reveal with what ended it; empty for one by which somebody can see something now."""
    now = datetime.now(UTC)
    hows = [how_it_ended(reveal, now) for reveal in found]
    open_ones = [reveal for reveal, how in zip(found, hows, strict=True) if not how]
    alive = _alive(open_ones, now) if open_ones else frozenset()
    return [(reveal, how or _unsaid(reveal, alive)) for reveal, how in zip(found, hows, strict=True)]


def _unsaid(reveal: Reveal, alive: Set[str]) -> str:
    if not may_keep(reveal.person, reveal):
        return BY_ROLE
    return "" if reveal.session in alive else BY_LOGIN


def _alive(open_ones: Sequence[Reveal], now: datetime) -> Set[str]:
    """The logins of these reveals that are not over. Other people's sessions, and those of nobody, are not read."""
    logins, people = {reveal.session for reveal in open_ones}, {reveal.person_id for reveal in open_ones}
    sessions = LoginSession.objects.filter(expire_date__gt=now, person__in=people).iterator()
    return {hashed for one in sessions if (hashed := session_hash(one.session_key)) in logins and _lets_in(one)}


def _lets_in(session: LoginSession) -> bool:
    """Whether the session is that of a person with the password of now."""
    kept = session.get_decoded()
    person = Person.objects.filter(pk=kept[SESSION_KEY]).first() if SESSION_KEY in kept else None
    return person is not None and constant_time_compare(kept.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash())
