"""What the person who sent a request sees: by their role, by what is revealed to their login now, and by their open case.

Each answer is asked of the database once for a request.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import cast

from django.http import HttpRequest

from dashboard.access.policy import allows
from dashboard.models import Case, Person, Reveal
from dashboard.privacy.by_reason import cases, reveals
from dashboard.privacy.profiles import AccessProfile, Revealed
from dashboard.privacy.profiles import profile_of as profile_of_account

_REVEALS, _CASE, _SHOWS = "active_reveals", "open_case", "shows_revealed"
"""Where a request keeps what was found out for it."""


def profile_of(request: HttpRequest) -> AccessProfile:
    """What this person sees on this page. Only for views decorated with ``page``.

    What others may read, or what outlives the page (a cache, a search, a file), takes ``standing_profile_of``.
    """
    found = unnoted_profile_of(request)
    if found.reveals:
        setattr(request, _SHOWS, True)
    return found


def unnoted_profile_of(request: HttpRequest) -> AccessProfile:
    """The same for what shows no value, such as which values the search box takes."""
    standing = standing_profile_of(request)
    if standing.sees_values:
        return standing
    return replace(
        standing,
        filters_masked=standing.filters_masked or open_case_of(request) is not None,
        reveals=frozenset(map(_revealed, reveals_of(request))),
    )


def standing_profile_of(request: HttpRequest) -> AccessProfile:
    """What this person sees without any reveal."""
    return profile_of_account(cast(Person, request.user))


def shows_revealed(request: HttpRequest) -> bool:
    """Whether the answer to this request may show what is revealed: it was made for a profile with reveals."""
    return getattr(request, _SHOWS, False)


def login_of(request: HttpRequest) -> str:
    """This login, as reveals are kept by it; empty for none."""
    session = getattr(request, "session", None)
    return reveals.session_hash(session.session_key) if session is not None else ""


def reveals_of(request: HttpRequest) -> Sequence[Reveal]:
    """What is revealed to this login, the first to end at first."""
    known: Sequence[Reveal] | None = getattr(request, _REVEALS, None)
    if known is None:
        person = getattr(request, "user", None)
        known = reveals.active(person, login_of(request)) if isinstance(person, Person) else ()
        setattr(request, _REVEALS, known)
    return known


def open_case_of(request: HttpRequest) -> Case | None:
    """The case that this person has open, and may still work on."""
    if not hasattr(request, _CASE):
        person = getattr(request, "user", None)
        setattr(request, _CASE, case_of(person) if isinstance(person, Person) else None)
    found: Case | None = getattr(request, _CASE)
    return found


def case_of(person: Person) -> Case | None:
    """The case that this person has open, and may still work on."""
    return cases.open_case(person) if allows(person, reveals.REVEAL) else None


def found_open_case(request: HttpRequest) -> tuple[int, str] | None:
    """Its number and its person, as entries of the record are told to which case they belong."""
    case = open_case_of(request)
    return (case.pk, case.person.username) if case is not None else None


def _revealed(reveal: Reveal) -> Revealed:
    return Revealed(**asdict(reveals.subject_of(reveal)), until=reveal.ends)
