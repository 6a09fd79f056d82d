"""Scopes, limits and the read-only mode in the one table: by page, command line, job and shell."""

import pytest

from dashboard.access.command_actions import account
from dashboard.access.policy import (
    COMMAND_LINE,
    PAGE,
    READ_ONLY,
    SHELL,
    TABLE,
    allows,
    may,
    most_rows,
    most_unapproved,
    why_not,
)
from dashboard.models import ApiToken, Role
from eventstore.actions import Actor, Resource, aggregate_resource, subscription_resource, topic_resource
from eventstore.config.people import AccessLimit
from tests import people
from tests.web.limits import access, limit, scope

pytestmark = pytest.mark.django_db

LEFT_WHILE_READ_ONLY = (
    {"browse", "tail", "see_payloads", "read_audit", "read_reveals", "see_erasure", "write_rules", "read_cases"}
    | {"read_metrics", "own_account", "manage_tokens"}
    | {"look", "search_masked", "connect", "log_in", "log_out", "refused"}
    | {"reveal", "emergency_reveal", "end_reveal", "see_emergency", "open_case", "close_case", "note_in_case"}
    | {name for name in TABLE if name.startswith("export_")}
    | {"allow_logins", "revoke_token", "change_password", "change_account", "end_sessions", "end_sessions_of_person"}
    | {"enrol_second_factor", "remove_own_second_factor", "make_recovery_codes", "remove_second_factor"}
)
"""Looking, the record, what is seen for a reason, files, and what lets people in or keeps them out."""


def test_an_act_outside_of_the_scope_is_refused_on_the_page_and_on_the_command_line() -> None:
    somebody = people.support()
    with access(scope=(scope("support", "patients", types=("patient",)),)):
        for via in (PAGE, COMMAND_LINE):
            actor = people.actor(somebody, via)
            assert may(actor, "reset_cursor", subscription_resource("patients", "app"))
            assert not may(actor, "reset_cursor", subscription_resource("orders", "app"))
            assert may(actor, "reveal", aggregate_resource("patient", "4711"))
            assert not may(actor, "reveal", aggregate_resource("order", "4711"))
            assert "not in the scope of support" in why_not(actor, "reset_cursor", subscription_resource("orders", "app"))


def test_a_job_is_held_by_what_it_acts_on_and_an_event_by_its_topic_and_its_type() -> None:
    actor = people.actor(people.support())
    with access(scope=(scope("support", "patients", types=("patient",)),)):
        assert may(actor, "pause_job", Resource(kind="job", topic="patients", name="4f"))
        assert not may(actor, "pause_job", Resource(kind="job", topic="orders", name="4f"))
        assert not may(actor, "reveal", Resource(kind="event", topic="patients", aggregate_type="order", name="e"))
        assert not may(actor, "reveal", Resource(kind="event", topic="orders", aggregate_type="patient", name="e"))


def test_what_lies_in_no_topic_has_no_scope() -> None:
    with access(scope=(scope("support", "patients"),)):
        assert may(people.actor(people.support()), "open_case", Resource(kind="case", name="1"))
        assert not may(people.actor(people.admin()), "reset_cursor", subscription_resource("patients", "app"))
        assert may(people.actor(people.admin(), COMMAND_LINE), "set_email", account("anna"))


def test_a_shell_on_the_server_has_no_scope() -> None:
    with access(scope=(scope("support", "patients"),)):
        assert may(Actor(name="root (command line)", via=SHELL), "publish", topic_resource("orders"))


def test_read_only_leaves_exactly_what_is_written_here_and_holds_a_shell_too() -> None:
    everybody = people.everybody()
    assert {name for name, rule in TABLE.items() if rule.while_read_only} == LEFT_WHILE_READ_ONLY
    with access(read_only=True):
        for action in TABLE.keys() - LEFT_WHILE_READ_ONLY:
            assert not any(allows(somebody, action) for somebody in everybody.values()), action
            assert why_not(Actor(name="root (command line)", via=SHELL), action, topic_resource("x")) == READ_ONLY
        assert allows(everybody["viewer"], "browse")
        assert may(people.actor(everybody["support"]), "reveal", aggregate_resource("patient", "1"))


def test_the_environment_makes_it_read_only_as_the_file_does(settings: object) -> None:
    assert allows(people.support(), "reset_cursor")
    settings.EVENTDESK_READ_ONLY = True  # type: ignore[attr-defined]
    assert not allows(people.support(), "reset_cursor")


def test_a_role_may_have_fewer_rows_in_a_file_than_the_action_and_never_more() -> None:
    support = people.support()
    assert most_rows(support, "export_letters") == 10_000
    with access(**limit("support", export_rows=7)):
        assert most_rows(support, "export_letters") == 7
        assert most_rows(people.admin(), "export_letters") == 10_000
        assert most_rows(ApiToken(role=Role.SUPPORT), "export_letters") == 7
    with access(**limit("support", export_rows=10**9)):
        assert most_rows(support, "export_letters") == 10_000
    with pytest.raises(KeyError):
        most_rows(support, "browse")


def test_events_without_approval_are_limited_by_role_and_by_nothing_else() -> None:
    actor, shell = people.actor(people.support()), Actor(name="root (command line)", via=SHELL)
    assert most_unapproved(actor, "replay_events") is None
    with access(limit=(AccessLimit(roles=("support", "approver"), events_without_approval=0),)):
        assert most_unapproved(actor, "replay_events") == 0
        assert most_unapproved(people.actor(people.admin()), "replay_events") is None
        assert most_unapproved(shell, "replay_events") is None
