"""Entries of the audit record, in words for people who do not know how it is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from dashboard.auditing.acts import Act
from dashboard.cursors.texts import reset_facts
from dashboard.models import State
from dashboard.rendering.audit_text import LONGEST, audit_line, tell
from eventstore.actions import subscription_resource
from eventstore.cursors import RESET_CURSOR

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def facts(
    action: str,
    details: Mapping[str, Any],
    *,
    state: State = State.DONE,
    outcome: Mapping[str, Any] | None = None,
    partitions: int = 1,
) -> dict[str, str]:
    act = Act(
        number=1,
        act=uuid4(),
        actor="anna",
        via="page",
        action=action,
        resource=subscription_resource("patients", "mailer"),
        state=state,
        begun=NOW,
        ended=None,
        details=details,
        outcome=outcome or {},
    )
    return dict(audit_line(act, partitions).facts)


def test_a_reset_says_from_where_to_where_and_what_came_again() -> None:
    told = facts(
        "reset_cursor",
        {"from": {"0": "7:12:0"}, "to": {"0": "earliest"}, "events_again": 1204, "events_passed_over": 0, "consumers": ["w"]},
    )
    assert told == {
        "From": "7:12:0",
        "To": "earliest",
        "Events": "1,204 redelivered, none skipped",
        "Disconnected": "w",
    }


def test_a_reset_that_failed_does_not_say_that_anything_came_again() -> None:
    told = facts(
        "reset_cursor",
        {"from": {"0": "a"}, "to": {"0": "b"}, "events_again": 3, "events_passed_over": 1, "consumers": ["w"]},
        state=State.FAILED,
        outcome={"reason": "The broker does not answer."},
    )
    assert told["Events"] == "3 would be redelivered, 1 skipped"
    assert told["Failed"] == "The broker does not answer."
    assert "Disconnected" not in told


def test_several_partitions_are_named() -> None:
    told = facts("reset_cursor", {"from": {"0": "a", "1": "start"}, "to": {"0": "latest", "1": "latest"}})
    assert told["From"] == "partition 0: a, partition 1: start"


@pytest.mark.parametrize("partitions", [0, 2])
def test_the_partition_of_one_event_is_named_unless_the_topic_is_known_to_have_but_one(partitions: int) -> None:
    assert facts("reset_cursor", {"from": {"1": "a"}, "to": {"1": "b"}}, partitions=partitions)["To"] == "partition 1: b"


def test_an_act_that_the_store_gave_no_answer_to_says_why_nobody_knows() -> None:
    told = facts("reset_cursor", {}, state=State.UNKNOWN, outcome={"reason": "The broker does not answer."})
    assert told["Why"] == "The broker does not answer."
    assert "The store shows" not in told


def test_what_was_not_counted_is_said_to_be_unknown() -> None:
    assert "an unknown number" in facts("reset_cursor", {"events_again": None, "events_passed_over": None})["Events"]


def test_what_the_store_shows_of_an_act_that_a_crash_left_open() -> None:
    told = facts("reset_cursor", {}, state=State.UNKNOWN, outcome={"stands_at": {"0": "7:3:0"}, "backlog": 1200})
    assert told["The store shows"] == "stands at: 0: 7:3:0, backlog: 1,200"


@pytest.mark.parametrize("action", ["manage_people", "set_email", "make_token", "revoke_token"])
def test_of_what_is_in_no_store_it_is_not_said_that_the_store_shows_something(action: str) -> None:
    assert facts(action, {"role": "viewer"}, state=State.UNKNOWN, outcome={}) == {"Role": "viewer"}


def test_other_acts_are_told_by_name_and_value() -> None:
    assert facts("publish", {"demo": True}, outcome={"imported": 4227}) == {"Demo": "yes", "Imported": "4,227"}


@pytest.mark.parametrize("value", ["x" * 10_000, ["y"] * 10_000, {"deep": {"er": "z" * 10_000}}])
def test_a_long_value_is_cut(value: Any) -> None:
    (told,) = facts("publish", {"what": value}).values()
    assert len(told) == LONGEST


PARTS = [
    {"name": "partition 0", "outcome": "done", "reason": ""},
    {"name": "partition 1", "outcome": "failed", "reason": "No right."},
]


def test_an_act_that_was_partly_done_names_each_part() -> None:
    told = facts(
        "reset_cursor",
        {"from": {"0": "a", "1": "b"}, "to": {}, "events_again": 3, "events_passed_over": 0, "consumers": ["w"]},
        state=State.PARTLY_DONE,
        outcome={"parts": PARTS, "reason": "No right."},
        partitions=2,
    )
    assert told["Partition 0"] == "done"
    assert told["Partition 1"] == "failed: No right."
    assert told["Stopped by"] == "No right."
    assert told["Events"] == "3 to be redelivered, none skipped"
    assert told["Disconnected"] == "w"


def test_what_an_import_had_counted_before_it_failed_is_told() -> None:
    outcome = {"imported": 1000, "rejected": 2, "parts": PARTS[:1], "reason": "No right."}
    told = facts("publish", {}, state=State.PARTLY_DONE, outcome=outcome)
    assert told == {"Imported": "1,000", "Rejected": "2", "Partition 0": "done", "Stopped by": "No right."}


def test_an_action_has_one_text() -> None:
    tell(RESET_CURSOR, reset_facts)
    with pytest.raises(ValueError, match="reset_cursor"):
        tell(RESET_CURSOR, lambda act, partitions: [])


@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
def test_the_parts_of_an_act_of_which_none_was_done_are_named_as_well(state: State) -> None:
    assert facts("publish", {}, state=state, outcome={"parts": PARTS[1:]}) == {"Partition 1": "failed: No right."}


def test_what_was_intended_is_not_said_a_second_time_as_the_outcome() -> None:
    told = facts("reset_cursor", {"events_again": 3, "events_passed_over": 0}, outcome={"events_again": 3, "more": 1})
    assert "Events again" not in told
    assert told["More"] == "1"


@pytest.mark.parametrize("parts", ["x", [1, None], [{}], {"a": 1}])
def test_parts_of_any_shape_break_nothing(parts: Any) -> None:
    facts("reset_cursor", {}, state=State.PARTLY_DONE, outcome={"parts": parts})
