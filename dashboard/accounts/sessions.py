"""A person's logins: what is told of each, and ending them. Importing this module notes where each login comes from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from dashboard.access.client_address import client_address
from dashboard.accounts.second_factor import PASSED
from dashboard.accounts.session_store import BEGUN, HALF, ends
from dashboard.models import LoginSession, Person
from dashboard.privacy.by_reason import reveals

ADDRESS, BROWSER = "address", "browser"
_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Version/.*Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)
LONGEST_AGENT = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One login in a person's list. ``number`` names it in a form; its key stays here."""

    number: str
    begun: datetime | None
    last_used: datetime
    ends: datetime
    browser: str
    address: str
    here: bool


@receiver(user_logged_in, dispatch_uid="dashboard.accounts.logged_in")
def _logged_in(request: HttpRequest, **_: Any) -> None:
    LoginSession.objects.filter(expire_date__lte=datetime.now(UTC)).delete()  # nobody else clears what has ended
    if BEGUN in request.session:  # Django keeps the key where the session holds this very person already
        reveals.end_of_login(request.session.session_key)
        request.session.cycle_key()
    request.session[BEGUN] = datetime.now(UTC).isoformat()
    request.session[ADDRESS] = client_address(request)
    request.session[BROWSER] = browser_words(request.headers.get("User-Agent", ""))
    for of_before in (HALF, PASSED):  # of a login of the same person in this session
        request.session.pop(of_before, None)


def browser_words(agent: str) -> str:
    """The browser and its system, as a browser says what it is: "Firefox on Linux"."""
    agent = agent[:LONGEST_AGENT]
    browser = next((name for name, pattern in _BROWSERS if re.search(pattern, agent)), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, agent)), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"A program on {system}" if system else "A program that is not known")


def lines_of(person: Person, here: str | None) -> Sequence[Line]:
    """The person's logins, the one of this key first, then the last used."""
    rows = LoginSession.objects.filter(person=person.pk, expire_date__gt=datetime.now(UTC)).order_by("-last_used")
    lines = [_line(row, here) for row in rows if not (data := row.get_decoded()).get(HALF) and data]
    return sorted(lines, key=lambda line: not line.here)


def _line(row: LoginSession, here: str | None) -> Line:
    """This very request's login is in use now, which is noted once it is answered."""
    data: Mapping[str, Any] = row.get_decoded()
    here_now, now = row.session_key == here, datetime.now(UTC)
    return Line(
        number=_number(row.session_key),
        begun=datetime.fromisoformat(data[BEGUN]) if BEGUN in data else None,
        last_used=now if here_now else row.last_used,
        ends=ends(data, now) if here_now else row.expire_date,
        browser=data.get(BROWSER, "not known"),
        address=data.get(ADDRESS, ""),
        here=here_now,
    )


def _number(key: str) -> str:
    """A name of the session that lets nobody in."""
    return reveals.session_hash(key)[:20]


def end_one(person: Person, number: str) -> bool:
    """End this login of the person. Returns whether there was one."""
    keys = LoginSession.objects.filter(person=person.pk).values_list("session_key", flat=True)
    return end(person, only=[key for key in keys if _number(key) == number]) > 0


def end(person: Person, *, but: str | None = None, only: Sequence[str] | None = None) -> int:
    """End logins of the person, with their open sockets and reveals: all, or all ``but`` one, or ``only`` these keys.

    Returns how many have ended. Half ones end too.
    """
    rows = LoginSession.objects.filter(person=person.pk)
    rows = rows.filter(session_key__in=only) if only is not None else rows.exclude(session_key=but or "")
    ended = 0
    for row in rows:
        reveals.end_of_login(row.session_key)
        ended += row.delete()[0]  # each tells the sockets of this process
    return ended
