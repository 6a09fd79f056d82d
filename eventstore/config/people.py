"""What the configuration says of people: who sees which topics, how long a value is revealed, how long a case stays open, and
who is told what is wrong."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from eventstore.model.toml_positions import KeyProblem

Name = Annotated[str, Meta(min_length=1, max_length=150)]
Globs = tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...]
MailAddress = Annotated[str, Meta(min_length=3, max_length=254)]
Minutes = Annotated[int, Meta(ge=1, le=24 * 60)]
Hours = Annotated[int, Meta(ge=1, le=24 * 7)]


class AccessScope(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[access.scope]]``: whom it is for, and what of the store they see. It fits who has one of the roles and is in one
    of the groups; a list that is empty asks for nothing. Topics by their full name or last segment."""

    roles: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    topics: Globs
    aggregate_types: Globs

    def fits(self, role: str, groups: Collection[str]) -> bool:
        return (not self.roles or role in self.roles) and (not self.groups or any(name in groups for name in self.groups))


class AccessLimit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[access.limit]]``: how much people with these roles may do at a time. ``None``: no limit beside the usual one."""

    roles: Annotated[tuple[Name, ...], Meta(min_length=1)]
    export_rows: Annotated[int, Meta(ge=1)] | None = None
    """Rows of one exported file."""
    events_without_approval: Annotated[int, Meta(ge=0)] | None = None
    """Events of one job. More need a second person."""


class Access(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[access]``. Without any scope, everybody sees all; with one, who is named by none sees nothing."""

    read_only: bool = False
    """Whether nothing can be changed here."""
    scope: tuple[AccessScope, ...] = ()
    limit: tuple[AccessLimit, ...] = ()
    groups: dict[Name, Name] = {}
    """Which role a group at the sign-in provider gives."""
    second_factor: tuple[Name, ...] = ()
    """The roles that a password alone does not let in."""
    idle_minutes: Minutes = 60
    """A login ends when it was not used for so long."""
    session_hours: Hours = 12
    """A login ends after so long, however much it is used."""

    def limit_of(self, role: str) -> AccessLimit | None:
        return next((limit for limit in self.limit if role in limit.roles), None)


class Reveals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    minutes: Minutes = 15
    """What a reveal lasts if nothing else is chosen."""
    longest: Minutes = 60
    emergency: bool = False
    """Whether people without the right may reveal values in an emergency. The privacy officer is told at once."""
    emergency_minutes: Minutes = 10
    """What such a reveal lasts at most."""
    tell: tuple[MailAddress, ...] = ()
    """Mail addresses that are told of an emergency reveal, besides those of the privacy officers' accounts."""


class Cases(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hours: Hours = 8
    """What a case lasts if nothing else is chosen."""
    longest: Hours = 24


class About(StrEnum):
    """What an alert can be about."""

    STUCK = "stuck"
    DEAD_LETTERS = "dead_letters"
    INDEX_BEHIND = "index_behind"
    SEAL_MISSING = "seal_missing"


class Alerts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[alerts]``. They go to these mail addresses, and to the webhook that the environment names."""

    mail: tuple[MailAddress, ...] = ()
    about: tuple[About, ...] = tuple(About)
    after_seconds: Annotated[int, Meta(ge=0, le=24 * 3600)] = 60
    """How long something has to be wrong, or right again, until it is told."""
    index_behind_seconds: Annotated[int, Meta(ge=1)] = 300
    address: str = ""
    """Where people open this desk: links of the messages begin with it. Empty: the first of its hosts."""


def checked_access(access: Access) -> Access:
    """``KeyProblem`` where a scope is for nobody in particular, and where two limits are of one role."""
    for number, scope in enumerate(access.scope):
        if not scope.roles and not scope.groups:
            raise KeyProblem(("access", "scope", number), 'expected whom it is for: roles = ["support"], or groups')
    if access.idle_minutes > access.session_hours * 60:
        raise KeyProblem(("access", "idle_minutes"), f"expected at most session_hours, which is {access.session_hours}")
    named: set[str] = set()
    for number, limit in enumerate(access.limit):
        if twice := next((role for role in limit.roles if role in named), ""):
            raise KeyProblem(("access", "limit", number, "roles"), f'"{twice}" has a limit already: keep one')
        named |= set(limit.roles)
    return access


def checked_reveals(reveals: Reveals) -> Reveals:
    """``KeyProblem`` where the times contradict each other, or an address is none."""
    if reveals.minutes > reveals.longest:
        raise KeyProblem(("reveals", "minutes"), f"expected at most longest, which is {reveals.longest}")
    _check_addresses(reveals.tell, ("reveals", "tell"))
    return reveals


def checked_alerts(alerts: Alerts) -> Alerts:
    """``KeyProblem`` where an address is none."""
    _check_addresses(alerts.mail, ("alerts", "mail"))
    try:
        parts = urlsplit(alerts.address)
    except ValueError:
        parts = urlsplit("")
    of_desk = parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc and parts.path in ("", "/")
    if alerts.address and not (of_desk and alerts.address.isprintable() and not parts.query and not parts.fragment):
        raise KeyProblem(("alerts", "address"), 'expected the address of this desk, such as "https://desk.example.org"')
    return alerts


def _check_addresses(given: Iterable[str], place: tuple[str, str]) -> None:
    for number, address in enumerate(given):
        if address.count("@") != 1 or not address.isprintable() or " " in address:
            raise KeyProblem((*place, number), "expected a mail address")


def checked_cases(cases: Cases) -> Cases:
    """``KeyProblem`` where the times contradict each other."""
    if cases.hours > cases.longest:
        raise KeyProblem(("cases", "hours"), f"expected at most longest, which is {cases.longest}")
    return cases
