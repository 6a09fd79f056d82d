"""Every act passes ``perform``: allowed first, one at a time, intended before, and how it ended after."""

from collections.abc import Mapping
from typing import Any

import pytest

from eventstore.actions import (
    SUBSCRIPTION,
    TOPIC,
    Action,
    Actor,
    Ending,
    Outcome,
    Part,
    Resource,
    Undo,
    perform,
    reason_of,
    subscription_resource,
    topic_resource,
)
from eventstore.model.errors import LeaseLost, NotAllowed, ResourceBusy, StoreRefused, StoreUnreachable
from tests.safeguards import Lines, MemoryLocks, no, safeguards

ANNA = Actor(name="anna")
MAILER = subscription_resource("patients", "mailer")
RESET = Action(
    name="reset_cursor",
    acts_on=frozenset({SUBSCRIPTION}),
    title="Reset cursor",
    doing="is being reset",
    undo=Undo(possible=False, how=""),
)
PUBLISH = Action(
    name="publish",
    acts_on=frozenset({TOPIC}),
    title="Publish",
    doing="is being written to",
    undo=Undo(possible=False, how=""),
    exclusive=False,
)


def test_intended_is_written_before_the_block_runs_and_done_after() -> None:
    record = Lines()
    with perform(safeguards(record), ANNA, RESET, MAILER, {"to": "earliest"}) as act:
        assert [line[0] for line in record.lines] == ["intended"]
        act.facts["events_again"] = 12
    assert record.lines == [
        ("intended", "anna", "page", "reset_cursor", MAILER, {"to": "earliest"}),
        ("done", "act-1", {"events_again": 12}),
    ]
    assert act.outcome == Outcome(ending=Ending.DONE, facts={"events_again": 12})


def test_who_may_not_leaves_no_line_and_the_block_never_runs() -> None:
    record, ran = Lines(), False
    with (
        pytest.raises(NotAllowed, match=r"anna may not do this \(reset_cursor\)"),
        perform(safeguards(record, authorizer=no), ANNA, RESET, MAILER, {}),
    ):
        ran = True
    assert (ran, record.lines) == (False, [])


def test_the_authorizer_is_asked_about_this_actor_action_and_resource() -> None:
    asked: list[tuple[str, str, Resource]] = []

    def may(actor: Actor, action: str, resource: Resource) -> bool:
        asked.append((actor.name, action, resource))
        return True

    with perform(safeguards(authorizer=may), ANNA, RESET, MAILER, {}):
        pass
    assert asked == [("anna", "reset_cursor", MAILER)]


def test_an_error_of_ours_is_recorded_in_its_words_and_goes_on() -> None:
    record = Lines()
    with (
        pytest.raises(StoreRefused, match="has no right"),
        perform(safeguards(record), ANNA, RESET, MAILER, {}) as act,
    ):
        act.facts["half"] = 1
        raise StoreRefused("This token has no right to reset cursors.")
    assert record.lines[1:] == [("failed", "act-1", {"half": 1, "reason": "This token has no right to reset cursors."})]


def test_where_the_store_gave_no_answer_nobody_claims_that_it_failed() -> None:
    record = Lines()
    with pytest.raises(StoreUnreachable), perform(safeguards(record), ANNA, RESET, MAILER, {}):
        raise StoreUnreachable("The broker does not answer.")
    assert record.lines[1:] == [("unknown", "act-1", {"reason": "The broker does not answer."})]


@pytest.mark.parametrize("error", [ValueError("name of a patient"), KeyError("name of a patient"), KeyboardInterrupt()])
def test_any_other_error_may_come_after_a_change_and_is_recorded_by_its_class_alone(error: BaseException) -> None:
    record = Lines()
    with pytest.raises(type(error)), perform(safeguards(record), ANNA, PUBLISH, topic_resource("t"), {}):
        raise error
    assert record.lines[1:] == [("unknown", "act-1", {"reason": type(error).__name__})]
    assert "patient" not in repr(record.lines)


def test_where_intended_cannot_be_written_the_block_never_runs() -> None:
    class Broken(Lines):
        def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
            raise OSError("disk full")

    ran = False
    with pytest.raises(OSError, match="disk full"), perform(safeguards(Broken()), ANNA, RESET, MAILER, {}):
        ran = True
    assert not ran


def test_an_act_that_worked_is_never_recorded_as_failed_because_done_could_not_be_written() -> None:
    class Broken(Lines):
        def ended(self, act: str, outcome: Outcome) -> None:
            raise OSError("disk full")

    record = Broken()
    with pytest.raises(OSError, match="disk full"), perform(safeguards(record), ANNA, RESET, MAILER, {}):
        pass
    assert [line[0] for line in record.lines] == ["intended"], "left open, to be settled as unknown"


def test_the_reason_of_an_error_says_no_foreign_words() -> None:
    assert reason_of(NotAllowed("No.")) == "No."
    assert reason_of(RuntimeError("secret")) == "RuntimeError"


DONE, FAILED, UNKNOWN = (Part(name=ending.value, ending=ending) for ending in (Ending.DONE, Ending.FAILED, Ending.UNKNOWN))


@pytest.mark.parametrize(
    ("parts", "ending"),
    [
        ([DONE, DONE], Ending.DONE),
        ([DONE, FAILED], Ending.PARTLY_DONE),
        ([FAILED, DONE, UNKNOWN], Ending.PARTLY_DONE),
        ([FAILED, FAILED], Ending.FAILED),
        ([FAILED, UNKNOWN], Ending.UNKNOWN),
    ],
)
def test_an_act_of_parts_ends_as_its_parts_did(parts: list[Part], ending: Ending) -> None:
    record = Lines()
    with perform(safeguards(record), ANNA, RESET, MAILER, {}) as act:
        act.parts += parts
    assert (act.outcome.ending, record.lines[1][0]) == (ending, ending.value)
    kept = [(part["name"], part["outcome"]) for part in record.lines[1][2].get("parts", [])]
    assert kept == ([] if ending is Ending.DONE else [(part.name, part.ending.value) for part in parts])


@pytest.mark.parametrize("error", [StoreRefused("No."), StoreUnreachable("No answer."), KeyboardInterrupt()])
def test_what_was_done_before_an_error_stays_done(error: BaseException) -> None:
    record = Lines()
    with pytest.raises(type(error)), perform(safeguards(record), ANNA, RESET, MAILER, {}) as act:
        act.parts += [DONE, FAILED]
        raise error
    assert record.lines[1][0] == "partly done"
    assert record.lines[1][2]["reason"] == reason_of(error)


@pytest.mark.parametrize("error", [StoreRefused("No."), LeaseLost("Somebody else has it now.")])
@pytest.mark.parametrize(("parts", "ending"), [([UNKNOWN], "unknown"), ([FAILED, UNKNOWN], "unknown"), ([FAILED], "failed")])
def test_what_may_have_been_done_before_an_error_stays_unknown(error: Exception, parts: list[Part], ending: str) -> None:
    record = Lines()
    with pytest.raises(type(error)), perform(safeguards(record), ANNA, RESET, MAILER, {}) as act:
        act.parts += parts
        raise error
    assert record.lines[1][0] == ending


def test_while_it_runs_nobody_else_acts_on_the_same_resource() -> None:
    locks, record = MemoryLocks(), Lines()
    with perform(safeguards(record, locks=locks), ANNA, RESET, MAILER, {}):
        with (
            pytest.raises(ResourceBusy, match="mailer is being reset by anna"),
            perform(safeguards(record, locks=locks), Actor(name="ben"), RESET, MAILER, {}),
        ):
            raise AssertionError("must not be reached")
        with perform(safeguards(record, locks=locks), Actor(name="ben"), RESET, subscription_resource("patients", "b"), {}):
            pass
    assert [line[0] for line in record.lines] == ["intended", "intended", "done", "done"], "a refusal leaves no line"
    assert locks.held == {}


def test_an_action_that_is_not_exclusive_locks_nothing() -> None:
    locks = MemoryLocks()
    with perform(safeguards(locks=locks), ANNA, PUBLISH, topic_resource("t"), {}):
        assert locks.held == {}


def test_the_lock_is_given_back_after_an_error() -> None:
    locks = MemoryLocks()
    with pytest.raises(ValueError), perform(safeguards(locks=locks), ANNA, RESET, MAILER, {}):
        raise ValueError
    assert locks.held == {}


def test_a_lock_that_was_lost_before_anything_was_done_leaves_no_line() -> None:
    record = Lines()
    with pytest.raises(LeaseLost), perform(safeguards(record, locks=MemoryLocks(lost=True)), ANNA, RESET, MAILER, {}):
        raise AssertionError("must not be reached")
    assert record.lines == []


def test_an_action_is_refused_on_a_kind_of_resource_that_it_is_not_for() -> None:
    with (
        pytest.raises(ValueError, match="does not act on a topic"),
        perform(safeguards(), ANNA, RESET, topic_resource("t"), {}),
    ):
        raise AssertionError("must not be reached")


def test_resources_share_a_key_only_where_every_field_is_the_same() -> None:
    resources = [
        subscription_resource("a b", "c"),
        subscription_resource("a", "b c"),
        Resource(kind=SUBSCRIPTION, topic="a b", name="c"),
        topic_resource("a b"),
        subscription_resource("a", "x" * 10_000 + "1"),
        subscription_resource("a", "x" * 10_000 + "2"),
        subscription_resource("a", "\ud800\0"),
    ]
    assert len({resource.key for resource in resources}) == len(resources)
    assert subscription_resource("a", "b").key == subscription_resource("a", "b").key
