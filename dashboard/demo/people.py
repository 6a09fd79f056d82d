"""One person of each role, with passwords that are fresh for each data directory and kept there."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from dashboard.access import may
from dashboard.actors import command_line_actor
from dashboard.audit import DatabaseRecord
from dashboard.kept_secrets import kept
from dashboard.models import Person, Role
from eventstore import InvalidConfiguration, acting

LOGINS = "demo-logins"


@dataclass(frozen=True, slots=True)
class Login:
    name: str
    password: str
    role: str

    def __str__(self) -> str:
        return f"{self.name} {self.password} {self.role}"


def ensure_people() -> Sequence[Login]:
    """The demo's logins, each with an account that it opens; made where it is missing or has another password."""
    path = Path(settings.DATA_DIR) / LOGINS
    logins = _read(path, kept(path, "".join(f"{login}\n" for login in _fresh())))
    for login in logins:
        _ensure(login)
    return logins


def _fresh() -> Sequence[Login]:
    return [Login(f"{role}-1", secrets.token_urlsafe(12), str(role)) for role in Role if role]


def _read(path: Path, text: str) -> Sequence[Login]:
    parts = [line.split() for line in text.splitlines()]
    if not parts or any(len(part) != 3 or part[2] not in Role.values for part in parts):
        raise InvalidConfiguration(f"{path.name} in the data directory is damaged. Remove it: new passwords will be made.")
    return [Login(*part) for part in parts]


def _ensure(login: Login) -> None:
    person = Person.objects.filter(username=login.name).first() or Person(username=login.name)
    if person.pk and person.check_password(login.password) and (person.role, person.is_active) == (login.role, True):
        return
    actor = command_line_actor()
    with acting(DatabaseRecord(), may, actor, "manage_people", login.name, {"role": login.role, "demo": True}):
        person.role, person.is_active = login.role, True
        person.set_password(login.password)
        person.save()
