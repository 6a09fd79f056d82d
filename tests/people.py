"""The cast: one person of each role, and the outsider who has an account and nothing more."""

from dashboard.models import Person, Role
from eventstore.actions.perform import Actor

PASSWORD = "a-long-test-password"


def person(role: str = Role.OUTSIDER, name: str = "", *, password: str = PASSWORD, active: bool = True) -> Person:
    """An account of this role, made or found; named after its role unless told otherwise."""
    username = name or (str(role) or "outsider")
    found = Person.objects.filter(username=username).first()
    if found:
        return found
    return Person.objects.create_user(username=username, password=password, role=role, is_active=active)


def outsider() -> Person:
    return person(Role.OUTSIDER)


def viewer() -> Person:
    return person(Role.VIEWER)


def support() -> Person:
    return person(Role.SUPPORT)


def approver() -> Person:
    return person(Role.APPROVER)


def admin() -> Person:
    return person(Role.ADMIN)


def everybody() -> dict[str, Person]:
    """Role → person, the outsider under the empty role."""
    return {str(role): person(role) for role in Role}


def actor(somebody: Person, via: str = "page") -> Actor:
    return Actor(name=somebody.username, via=via)
