"""Every act passes ``acting``: allowed first, intended before, done or failed after."""

from collections.abc import Mapping
from typing import Any

import pytest

from eventstore.actions.perform import Actor, acting, reason_of
from eventstore.model.errors import NotAllowed, StoreRefused, StoreUnreachable

ANNA = Actor(name="anna")


class Lines:
    """A record that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def intended(self, actor: Actor, action: str, scope: str, details: Mapping[str, Any]) -> str:
        self.lines.append(("intended", actor.name, actor.via, action, scope, dict(details)))
        return "act-1"

    def done(self, act: str, details: Mapping[str, Any]) -> None:
        self.lines.append(("done", act, dict(details)))

    def failed(self, act: str, reason: str) -> None:
        self.lines.append(("failed", act, reason))

    def unknown(self, act: str, reason: str) -> None:
        self.lines.append(("unknown", act, reason))


def yes(actor: Actor, action: str, scope: str) -> bool:
    return True


def test_intended_is_written_before_the_block_runs_and_done_after() -> None:
    record = Lines()
    with acting(record, yes, ANNA, "reset_cursor", "patients mailer", {"to": "earliest"}) as outcome:
        assert [line[0] for line in record.lines] == ["intended"]
        outcome["events_again"] = 12
    assert record.lines == [
        ("intended", "anna", "page", "reset_cursor", "patients mailer", {"to": "earliest"}),
        ("done", "act-1", {"events_again": 12}),
    ]


def test_who_may_not_leaves_no_line_and_the_block_never_runs() -> None:
    record, ran = Lines(), False
    with (
        pytest.raises(NotAllowed, match=r"anna may not do this \(reset_cursor\)"),
        acting(record, lambda *_: False, ANNA, "reset_cursor", "s", {}),
    ):
        ran = True
    assert (ran, record.lines) == (False, [])


def test_may_is_asked_about_this_actor_action_and_scope() -> None:
    asked: list[tuple[str, str, str]] = []

    def may(actor: Actor, action: str, scope: str) -> bool:
        asked.append((actor.name, action, scope))
        return True

    with acting(Lines(), may, ANNA, "reset_cursor", "patients mailer", {}):
        pass
    assert asked == [("anna", "reset_cursor", "patients mailer")]


def test_an_error_of_ours_is_recorded_in_its_words_and_goes_on() -> None:
    record = Lines()
    with (
        pytest.raises(StoreRefused, match="has no right"),
        acting(record, yes, ANNA, "reset_cursor", "s", {}) as outcome,
    ):
        outcome["half"] = 1
        raise StoreRefused("This token has no right to reset cursors.")
    assert record.lines[1:] == [("failed", "act-1", "This token has no right to reset cursors.")]


def test_where_the_store_gave_no_answer_nobody_claims_that_it_failed() -> None:
    record = Lines()
    with pytest.raises(StoreUnreachable), acting(record, yes, ANNA, "reset_cursor", "s", {}):
        raise StoreUnreachable("The broker does not answer.")
    assert record.lines[1:] == [("unknown", "act-1", "The broker does not answer.")]


@pytest.mark.parametrize("error", [ValueError("name of a patient"), KeyError("name of a patient"), KeyboardInterrupt()])
def test_any_other_error_is_recorded_by_its_class_alone(error: BaseException) -> None:
    record = Lines()
    with pytest.raises(type(error)), acting(record, yes, ANNA, "publish", "s", {}):
        raise error
    assert record.lines[1:] == [("failed", "act-1", type(error).__name__)]
    assert "patient" not in repr(record.lines)


def test_where_intended_cannot_be_written_the_block_never_runs() -> None:
    class Broken(Lines):
        def intended(self, actor: Actor, action: str, scope: str, details: Mapping[str, Any]) -> str:
            raise OSError("disk full")

    ran = False
    with pytest.raises(OSError, match="disk full"), acting(Broken(), yes, ANNA, "reset_cursor", "s", {}):
        ran = True
    assert not ran


def test_an_act_that_worked_is_never_recorded_as_failed_because_done_could_not_be_written() -> None:
    class Broken(Lines):
        def done(self, act: str, details: Mapping[str, Any]) -> None:
            raise OSError("disk full")

    record = Broken()
    with pytest.raises(OSError, match="disk full"), acting(record, yes, ANNA, "reset_cursor", "s", {}):
        pass
    assert [line[0] for line in record.lines] == ["intended"], "left open, to be settled as unknown"


def test_the_reason_of_an_error_says_no_foreign_words() -> None:
    assert reason_of(NotAllowed("No.")) == "No."
    assert reason_of(RuntimeError("secret")) == "RuntimeError"
