"""Accounts with a password are put into the groups that scopes name at a shell."""

import pytest
from django.core.management import CommandError

from dashboard.access.scopes import NOTHING, scope_of
from dashboard.auditing.acts import acts
from dashboard.models import Person, Role, State
from eventstore.config.people import AccessScope
from tests import people
from tests.web.limits import access
from tests.web.test_commands import run

pytestmark = pytest.mark.usefixtures("desk_databases")

OF_BERLIN = AccessScope(groups=("berlin", "clinics"), topics=("patients",), aggregate_types=("patient",))


def seen_by(name: str) -> tuple[str, ...]:
    return scope_of(Person.objects.get(username=name)).topics


def test_an_admin_puts_a_person_into_groups_and_out_of_all_others_and_it_is_recorded() -> None:
    people.support()
    people.person(Role.ADMIN, "anna")
    with access(scope=(OF_BERLIN,)):
        assert seen_by("support") == NOTHING.topics
        status, out, _ = run("set_groups", "support", "--group", "berlin", "--reason", "SUP-1", "--as", "anna")
        assert (status, out) == (0, "support is in berlin now.\n")
        assert seen_by("support") == ("patients",)
        assert "Nothing was changed" in run("set_groups", "support", "--group", "berlin", "--reason", "again")[1]
        run("set_groups", "support", "--none", "--reason", "SUP-2")
        assert seen_by("support") == NOTHING.topics
    last, first = acts(action="set_groups")
    assert (first.actor, first.resource.name, first.details) == (
        "anna",
        "support",
        {"reason": "SUP-1", "groups_before": [], "groups_after": ["berlin"]},
    )
    assert last.details == {"reason": "SUP-2", "groups_before": ["berlin"], "groups_after": []}


def test_a_read_only_installation_puts_nobody_anywhere() -> None:
    people.support()
    with access(scope=(OF_BERLIN,), read_only=True), pytest.raises(CommandError, match="This installation is read-only"):
        run("set_groups", "support", "--group", "berlin", "--reason", "SUP-1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("support", "--group", "berlln", "--reason", "SUP-1"), "they name berlin, clinics"),
        (("nobody", "--group", "berlin", "--reason", "SUP-1"), "no account 'nobody'"),
        (("support", "--group", "berlin", "--reason", " "), "Give a reason"),
        (("support", "--group", "berlin", "--reason", "SUP-1", "--as", "support"), "may not do this"),
    ],
)
def test_what_cannot_be_set_changes_nothing(arguments: tuple[str, ...], said: str) -> None:
    people.support()
    with access(scope=(OF_BERLIN,)), pytest.raises(CommandError, match=said):
        run("set_groups", *arguments)
    assert not [act for act in acts(action="set_groups") if act.state == State.DONE]
    with pytest.raises(CommandError, match="they name none"):
        run("set_groups", "support", "--group", "berlin", "--reason", "SUP-1")
