"""Accounts that exist are changed at a shell: their role, whether they are let in, their password."""

import pytest
from django.core.management import CommandError

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, LoginSession, Person, Role
from tests import people
from tests.people import PASSWORD
from tests.web.second_factor import enters, with_password
from tests.web.test_commands import run

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_access_is_taken_from_a_person_and_given_back_and_each_is_recorded_and_ends_their_sessions() -> None:
    people.person(Role.ADMIN, "anna")
    here = with_password(people.support())
    assert enters(here)
    said = run("change_account", "support", "--disable", "--reason", "Has left", "--as", "anna")[1]
    assert said == "support has the role support and is disabled now. Sessions that have ended: 1.\n"
    assert not enters(here) and not enters(with_password(people.support()))
    assert not LoginSession.objects.filter(person__username="support").exists()
    run("change_account", "support", "--enable", "--role", "viewer", "--reason", "Is back")
    assert enters(with_password(people.support()))
    back, gone = acts(action="change_account")
    assert (gone.actor, gone.resource.name, gone.details) == ("anna", "support", {"reason": "Has left", "account": "disabled"})
    assert gone.outcome["sessions_ended"] == 1
    changed = {"role_before": "support", "role_after": "viewer", "account": "enabled"}
    assert back.details == {"reason": "Is back", **changed}
    run("change_account", "support", "--role", "none", "--reason", "Moves")
    assert Person.objects.get(username="support").role == Role.OUTSIDER


def test_a_new_password_is_shown_once_and_the_old_one_lets_nobody_in() -> None:
    here = with_password(people.support())
    said = run("change_account", "support", "--new-password", "--reason", "Forgot it")[1]
    new = said.splitlines()[-1].removeprefix("Password: ")
    assert not enters(here) and not enters(with_password(people.support()))
    person = Person.objects.get(username="support")
    assert person.check_password(new) and not person.check_password(PASSWORD)
    assert new not in str(list(AuditEntry.objects.values_list("details")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "--disable", "--reason", "x"), "no account 'nobody'"),
        (("support", "--disable", "--reason", " "), "Give a reason"),
        (("support", "--reason", "x"), "role support and is enabled. Say what to change"),
        (("support", "--role", "support", "--enable", "--reason", "x"), "Nothing was changed"),
        (("support", "--role", "admin", "--reason", "x", "--as", "support"), "support may not"),
        (("by-provider", "--new-password", "--reason", "x"), "no password here"),
    ],
)
def test_what_cannot_be_changed_changes_nothing_and_ends_nothing(arguments: tuple[str, ...], said: str) -> None:
    here = with_password(people.support())
    other = people.person(Role.VIEWER, "by-provider")
    other.set_unusable_password()
    other.save()
    fields = ("username", "role", "is_active", "password")
    before = set(Person.objects.values_list(*fields))
    with pytest.raises(CommandError, match=said):
        run("change_account", *arguments)
    assert set(Person.objects.values_list(*fields)) == before
    assert enters(here)
