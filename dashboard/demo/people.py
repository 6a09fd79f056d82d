"""The demo's accounts: one for each role, with passwords that are made for each data directory and stored there.

Demo mode may be started on an installation's database by mistake. So an account is changed only if the audit record says that
the demo made it. And if ``DATABASE_URL`` names a database with people, but none of the demo's, no account is added.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from dashboard.access.actors import command_line_actor
from dashboard.access.command_actions import MANAGE_PEOPLE, account
from dashboard.auditing.acts import acts
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person, Role, State
from dashboard.setup.demo_secrets import read_or_create, replace
from eventstore.actions import perform
from eventstore.model import InvalidConfiguration

LOGINS = "demo-logins"
_ELSEWHERE = "Nothing was changed. Give the demo another EVENTDESK_DATA, and a DATABASE_URL of its own or none."


@dataclass(frozen=True, slots=True)
class Login:
    name: str
    password: str
    role: str

    def __str__(self) -> str:
        return f"{self.name} {self.password} {self.role}"


def ensure_people() -> Sequence[Login]:
    """Make the demo's accounts, or set their passwords again, and return their logins.

    Raises ``InvalidConfiguration`` if the database holds other people. Nothing is changed then.
    """
    path = Path(settings.DATA_DIR) / LOGINS
    logins = _with_every_role(path, _read(path, read_or_create(path, _text(_fresh()))))
    _refuse_database_of_others([login.name for login in logins])
    for login in logins:
        _ensure(login)
    return logins


def _fresh() -> Sequence[Login]:
    return [Login(f"{role}-1", secrets.token_urlsafe(12), str(role)) for role in Role if role]


def _text(logins: Sequence[Login]) -> str:
    return "".join(f"{login}\n" for login in logins)


def _with_every_role(path: Path, logins: Sequence[Login]) -> Sequence[Login]:
    """These logins, with one for each role that an earlier version of the demo did not know."""
    known = {login.role for login in logins}
    missing = [login for login in _fresh() if login.role not in known]
    if missing:
        replace(path, _text([*logins, *missing]))
    return [*logins, *missing]


def _read(path: Path, text: str) -> Sequence[Login]:
    parts = [line.split() for line in text.splitlines()]
    if not parts or any(len(part) != 3 or part[2] not in Role.values for part in parts):
        raise InvalidConfiguration(f"{path.name} in the data directory is damaged. Remove it: new passwords will be made.")
    return [Login(*part) for part in parts]


def _refuse_database_of_others(names: Sequence[str]) -> None:
    existing = list(Person.objects.filter(username__in=names).values_list("username", flat=True))
    for name in existing:
        if not _made_by_demo(name):
            raise InvalidConfiguration(f"There is an account {name!r} that the demo did not make. {_ELSEWHERE}")
    if settings.DATABASE_GIVEN and not existing and Person.objects.exists():
        raise InvalidConfiguration(f"DATABASE_URL names a database of people that the demo did not make. {_ELSEWHERE}")


def _made_by_demo(name: str) -> bool:
    """Whether the demo was the last to make this account, according to the audit record."""
    made = [act for act in acts(action=MANAGE_PEOPLE.name, on=account(name)) if act.state != State.FAILED]
    return bool(made) and bool(made[0].details.get("demo"))


def _ensure(login: Login) -> None:
    person = Person.objects.filter(username=login.name).first() or Person(username=login.name)
    if person.pk and person.check_password(login.password) and (person.role, person.is_active) == (login.role, True):
        return
    actor = command_line_actor()
    with perform(SAFEGUARDS, actor, MANAGE_PEOPLE, account(login.name), {"role": login.role, "demo": True}):
        person.role, person.is_active = login.role, True
        person.set_password(login.password)
        person.save()
