"""How many passwords and codes may be tried: for one name, and from one address.

An attempt counts before its password is looked at, and a right password takes it back. So attempts at the same moment cannot
pass the limit together, whichever web process each reaches. An attempt that is refused does not count, and so does not make
the wait longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.crypto import salted_hmac

from dashboard.access.client_address import NOT_KNOWN, network_of
from dashboard.models import LoginAttempt, Person

WINDOW = timedelta(minutes=15)
PER_NAME = 10
PER_CODE = 5
"""Codes of a second factor. Each has six digits, and three of a million are right at a time."""
PER_ADDRESS = 50
"""More than for a name: the people of an office may share one address."""
RECORDED_OF_NOBODY = 20
"""Failures on the audit record in a window without an account. Each may have a name of its own, and an address of its own: who
has one IPv6 network has 65,536 of those that are limited."""
_NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One try that counts. ``account`` is the name, if an account has it; ``limits`` are pairs of a key and its limit, the
    name's first."""

    account: str
    rows: Sequence[int]
    limits: Sequence[tuple[str, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Too many attempts. ``wait`` is how long until the next one counts."""

    wait: timedelta


def begin(name: str, address: str) -> Attempt | Refused:
    """Count an attempt to log in, or refuse it. The caller tells a success with ``succeeded``."""
    account = name if Person.objects.filter(username=name).exists() else ""
    return _begin(account, [(_name_key(account, name), PER_NAME), *_limits_of(address)])


def begin_from(address: str) -> Attempt | Refused:
    """The same for an attempt whose name is not known yet: the sign-in provider asks for it. The caller tells a success with
    ``take_back``."""
    return _begin("", _limits_of(address))


def take_back(rows: Sequence[int]) -> None:
    """An attempt by an address alone was right."""
    LoginAttempt.objects.filter(pk__in=rows).delete()


def begin_code(account: str, address: str) -> Attempt | Refused:
    """The same for a code of this account, whose password was right."""
    return _begin(account, [(_code_key(account), PER_CODE), *_limits_of(address)])


def _begin(account: str, limits: Sequence[tuple[str, int]]) -> Attempt | Refused:
    now = datetime.now(UTC)
    LoginAttempt.objects.filter(at__lte=now - WINDOW).delete()
    # Committed before the count: of attempts at the same moment, each sees those that were counted before it.
    rows = [LoginAttempt.objects.create(key=key, at=now).pk for key, _ in limits]
    ends = [end for key, limit in limits if (end := _full_until(key, limit, own=rows)) is not None]
    if ends:
        LoginAttempt.objects.filter(pk__in=rows).delete()
        return Refused(wait=max(max(ends) - now, timedelta(seconds=1)))
    return Attempt(account=account, rows=rows, limits=limits)


def succeeded(attempt: Attempt) -> None:
    """It was right: forget what counts against the name. The address keeps what it has, without this attempt."""
    LoginAttempt.objects.filter(pk__in=attempt.rows).delete()
    LoginAttempt.objects.filter(key=attempt.limits[0][0]).delete()


def goes_on_record(attempt: Attempt) -> bool:
    """Whether this failure gets an entry: of those without an account, a number in each window, or one client could fill the
    record. The caller counts the others.

    Past it they are answered as before: if they were refused, whoever is not refused would have an account.
    """
    if attempt.account:
        return True
    row = LoginAttempt.objects.create(key=_NOBODY, at=datetime.now(UTC))
    if _full_until(_NOBODY, RECORDED_OF_NOBODY, own=[row.pk]) is None:
        return True
    row.delete()
    return False


def reached(attempt: Attempt) -> Sequence[str]:
    """The keys of this attempt that have reached their limit: refused from now on, or without an account, and only counted."""
    limits = [*attempt.limits, *([(_NOBODY, RECORDED_OF_NOBODY)] if not attempt.account else [])]
    return [key for key, limit in limits if _full_until(key, limit) is not None]


def allow_name(name: str) -> int:
    """Forget the attempts for this account, with those of its codes. Returns how many there were."""
    return LoginAttempt.objects.filter(key__in=[_name_key(name, name), _code_key(name)]).delete()[0]


def allow_address(address: str) -> int:
    """Forget the attempts from this address; of an IPv6 address, from its /64. ``ValueError`` for anything else."""
    return LoginAttempt.objects.filter(key=_address_key(address)).delete()[0]


def _full_until(key: str, limit: int, *, own: Sequence[int] = ()) -> datetime | None:
    """When the key takes an attempt again. ``None`` if it does now. ``own`` rows do not count."""
    counted = LoginAttempt.objects.filter(key=key, at__gt=datetime.now(UTC) - WINDOW).exclude(pk__in=own)
    oldest = next(iter(counted.order_by("-at").values_list("at", flat=True)[limit - 1 : limit]), None)
    return oldest + WINDOW if oldest is not None else None


def _name_key(account: str, name: str) -> str:
    return f"name:{account}" if account else f"unknown:{salted_hmac('eventdesk.login', name, algorithm='sha256').hexdigest()}"


def _code_key(account: str) -> str:
    return f"code:{account}"


def _limits_of(address: str) -> Sequence[tuple[str, int]]:
    return [(_address_key(address), PER_ADDRESS)] if address != NOT_KNOWN else []


def _address_key(address: str) -> str:
    return f"address:{network_of(address)}"
