"""The cast: one person of each role, and an outsider who has an account but no role."""

from dashboard.models import Person, Role
from eventstore.actions import Actor

PASSWORD = "a-long-test-password"


def person(role: str = Role.OUTSIDER, name: str = "", *, password: str = PASSWORD, active: bool = True) -> Person:
    """Return the account of this role, created if necessary. By default it is named after its role."""
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


def privacy_officer() -> Person:
    return person(Role.PRIVACY)


def auditor() -> Person:
    return person(Role.AUDITOR)


def admin() -> Person:
    return person(Role.ADMIN)


def everybody() -> dict[str, Person]:
    """Return the persons by role. The outsider's role is empty."""
    return {str(role): person(role) for role in Role}


def actor(somebody: Person, via: str = "page") -> Actor:
    return Actor(name=somebody.username, via=via)
