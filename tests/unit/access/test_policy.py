"""The access table, role by role: it is written out again here, so that no change of it goes unseen."""

import pytest
from django.contrib.auth.models import AnonymousUser

from dashboard.access.actors import command_line_actor
from dashboard.access.policy import COMMAND_LINE, PAGE, SHELL, TABLE, allows, may
from dashboard.models import Role
from eventstore.actions import Actor, registered, topic_resource
from eventstore.model.errors import NotAllowed
from tests import people

pytestmark = pytest.mark.django_db

ANYTHING = topic_resource("x")

OWN = {"own_account", "change_password", "end_sessions"} | {
    "enrol_second_factor",
    "remove_own_second_factor",
    "make_recovery_codes",
}
TOKENS = {"manage_tokens", "make_token", "revoke_token"}
VIEWERS = OWN | {"browse", "tail", "export_letters", "end_reveal"}
CASES = {"open_case", "close_case", "note_in_case"}
READS_CASES = {"read_cases", "export_case"}
READS_RECORD = {"read_audit", "export_record", "export_replay"}
READS_REVEALS = READS_RECORD | {"read_reveals", "export_reveals"} | READS_CASES
ERASURE = {"see_erasure", "forget_values", "export_erasure", "write_rules"}
REVEALS = {"reveal"} | CASES | READS_CASES
MOVES = {"reset_cursor", "skip_event", "skip_events", "skip_before", "clear_backlog", "expire_events", "undo_move"}
LETTERS = {"bury_letters", "keep_letters", "redrive_letters"}
JOBS = {"pause_job", "resume_job", "cancel_job", "throttle_job"}
REPLAYS = {"replay_events", "promote_generation", "discard_generation"}
HELPERS = VIEWERS | REVEALS | MOVES | LETTERS | JOBS | REPLAYS | READS_RECORD | {"see_payloads"}
FROM_A_PAGE: dict[str, set[str]] = {
    "": OWN,
    "viewer": VIEWERS,
    "support": HELPERS,
    "approver": HELPERS | {"approve_job"},
    "privacy": VIEWERS | REVEALS | READS_REVEALS | ERASURE | {"see_emergency"},
    "auditor": VIEWERS | READS_REVEALS,
    "admin": HELPERS | READS_REVEALS | ERASURE | TOKENS | {"approve_job"},
}


@pytest.mark.parametrize("role", FROM_A_PAGE)
def test_each_role_may_do_from_a_page_exactly_what_is_written(role: str) -> None:
    somebody = people.person(role)
    assert {action for action in TABLE if allows(somebody, action)} == FROM_A_PAGE[role]
    assert {action for action in TABLE if may(people.actor(somebody), action, ANYTHING)} == FROM_A_PAGE[role]


def test_only_an_admin_publishes_and_manages_people_and_never_from_a_page() -> None:
    for role, somebody in people.everybody().items():
        for action in ("publish", "manage_people"):
            assert may(people.actor(somebody, COMMAND_LINE), action, ANYTHING) == (role == "admin")
            assert not may(people.actor(somebody, PAGE), action, ANYTHING)


def test_every_registered_action_has_a_rule() -> None:
    assert {action.name for action in registered()} <= TABLE.keys()


def test_somebody_without_an_account_may_do_nothing() -> None:
    for action in TABLE:
        assert not allows(AnonymousUser(), action)
        assert not may(Actor(name="nobody-of-this-name"), action, ANYTHING)
        assert not may(Actor(name=""), action, ANYTHING)


def test_an_account_that_was_closed_may_do_nothing_at_once() -> None:
    somebody = people.admin()
    assert may(people.actor(somebody), "browse", ANYTHING)
    somebody.is_active = False
    somebody.save()
    assert not any(may(people.actor(somebody, via), action, ANYTHING) for action in TABLE for via in (PAGE, COMMAND_LINE))
    assert not any(allows(somebody, action) for action in TABLE)


def test_djangos_own_superuser_mark_opens_nothing() -> None:
    somebody = people.outsider()
    somebody.is_superuser = somebody.is_staff = True
    somebody.save()
    assert {action for action in TABLE if allows(somebody, action)} == OWN


def test_an_action_that_the_table_does_not_know_is_an_error_and_not_a_yes() -> None:
    with pytest.raises(KeyError):
        allows(people.admin(), "reset_cursors")
    with pytest.raises(KeyError):
        may(people.actor(people.admin()), "", ANYTHING)


def test_a_way_in_that_nobody_declared_is_closed() -> None:
    assert not may(people.actor(people.admin(), via="carrier pigeon"), "browse", ANYTHING)


def test_a_shell_on_the_server_acts_under_its_own_name_and_is_trusted() -> None:
    actor = command_line_actor()
    assert actor.via == SHELL
    assert actor.name.endswith(" (command line)")
    assert may(actor, "publish", ANYTHING)


def test_a_person_named_on_the_command_line_has_their_own_role() -> None:
    people.viewer()
    actor = command_line_actor("viewer")
    assert actor == Actor(name="viewer", via=COMMAND_LINE)
    assert not may(actor, "publish", ANYTHING)


def test_naming_a_stranger_or_a_closed_account_on_the_command_line_is_refused() -> None:
    people.person(Role.ADMIN, "gone", active=False)
    for name in ("gone", "stranger", "root (command line)"):
        with pytest.raises(NotAllowed, match="create_user"):
            command_line_actor(name)
