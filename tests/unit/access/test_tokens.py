"""API tokens: kept as hashes, in force for a while, with the rights of their role where tokens are let in at all."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import RequestFactory

from dashboard.access import tokens
from dashboard.access.policy import TABLE, allows
from dashboard.auditing.acts import acts
from dashboard.auditing.verification import verify
from dashboard.models import ApiToken, Purpose, Role, State
from dashboard.privacy import profile_of
from tests import people

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def made(role: str = "viewer", name: str = "nightly") -> str:
    return tokens.make(name, Role(role), 7)[1]


def used(text: str) -> ApiToken | None:
    return tokens.in_use(tokens.hash_of(text))


def test_a_token_is_found_by_its_text_and_its_text_is_kept_nowhere() -> None:
    text = made("support")
    found = used(text)
    assert found is not None
    assert (found.name, found.role) == ("nightly", "support")
    stored = " ".join(str(value) for value in ApiToken.objects.values().get().values())
    assert text not in stored
    assert text.removeprefix(tokens.BEGINS) not in stored


def test_no_two_tokens_are_alike_and_each_is_long() -> None:
    texts = {made(name=f"t{number}") for number in range(20)}
    assert len(texts) == 20
    assert all(len(text) > 43 for text in texts)


@pytest.mark.parametrize("text", ["", "edk_", "edk_wrong", "\ud800", "x" * 10_000, "' OR 1=1 --"])
def test_a_wrong_token_is_nobodys(text: str) -> None:
    made()
    assert used(text) is None


def test_the_stored_hash_itself_opens_nothing() -> None:
    made()
    assert used(ApiToken.objects.get().hash) is None


def test_a_token_ends_at_its_end() -> None:
    text = made()
    ApiToken.objects.update(ends=datetime.now(UTC))
    assert used(text) is None


def test_a_revoked_token_is_over_at_once_and_cannot_be_revoked_again() -> None:
    text = made()
    assert tokens.revoke("nightly")
    assert used(text) is None
    assert not tokens.revoke("nightly")
    assert not tokens.revoke("no-such")


def test_its_last_use_is_noted_once_a_minute_at_the_most() -> None:
    text = made()
    assert ApiToken.objects.get().last_used is None
    used(text)
    first = ApiToken.objects.get().last_used
    assert first is not None
    used(text)
    assert ApiToken.objects.get().last_used == first
    ApiToken.objects.update(last_used=first - timedelta(minutes=2))
    used(text)
    assert (ApiToken.objects.get().last_used or first) >= first


def test_a_token_whose_use_cannot_be_noted_holds_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    text = made()

    def refuse_writing(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("database is locked, says a text with Erika in it")
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse_writing):
        found = used(text)
    assert found is not None
    assert found.last_used is None
    assert "OperationalError" in caplog.text
    assert "Erika" not in caplog.text
    assert text not in caplog.text


@pytest.mark.parametrize("role", ["viewer", "support", "approver", "privacy", "auditor", "admin"])
def test_a_token_may_watch_and_see_what_its_role_sees_and_nothing_else(role: str) -> None:
    token, _ = tokens.make("script", Role(role), 1)
    sees = role in ("support", "approver", "admin")
    expected = {"tail", "see_payloads"} if sees else {"tail"}
    assert {action for action in TABLE if allows(token, action)} == expected
    assert profile_of(token).sees_values == sees
    token.revoked = datetime.now(UTC)
    assert not any(allows(token, action) for action in TABLE)


def test_a_token_is_made_on_the_command_line_shown_once_and_on_the_record_without_its_text() -> None:
    out = run("create_token", "nightly", "--role", "viewer", "--days", "30")
    text = out.split("Token: ")[1].strip()
    found = used(text)
    assert found is not None
    assert timedelta(days=29) < found.ends - datetime.now(UTC) <= timedelta(days=30)
    (act,) = acts()
    assert (act.action, act.resource.name, act.state, act.details) == (
        "make_token",
        "nightly",
        State.DONE,
        {"role": "viewer", "days": 30, "purpose": "live tail"},
    )
    assert text not in str(act)
    assert verify() is None


def test_a_token_for_metrics_reads_them_whatever_its_role_and_opens_nothing_else() -> None:
    for role in ("viewer", "admin"):
        token, _ = tokens.make(f"scraper-{role}", Role(role), 1, tokens.Narrowed(purpose=Purpose.METRICS))
        assert {action for action in TABLE if allows(token, action)} == {"read_metrics"}
    assert not any(allows(somebody, "read_metrics") for somebody in people.everybody().values())


def test_a_token_of_a_purpose_that_is_not_known_opens_nothing() -> None:
    token, _ = tokens.make("script", Role.ADMIN, 1)
    token.purpose = "everything"
    assert not any(allows(token, action) for action in TABLE)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} {}", "Bearer x{}"])
def test_only_a_bearer_token_is_taken_for_one(header: str) -> None:
    text = made()
    request = RequestFactory().get("/metrics", headers={"Authorization": header.format(text, text)})
    assert tokens.token_of(request) is None


def test_a_request_with_a_token_is_that_tokens_until_it_is_revoked() -> None:
    request = RequestFactory().get("/metrics", headers={"Authorization": f"bearer {made()}"})
    found = tokens.token_of(request)
    assert found is not None and found.name == "nightly"
    tokens.revoke("nightly")
    assert tokens.token_of(request) is None


def test_what_a_token_is_limited_to_is_kept_shown_in_the_list_and_recorded() -> None:
    run("create_token", "nightly", "--role", "viewer", "--days", "1", "--topic", "doc*", "--aggregate-type", "patient",
        "--reason", "Ticket 4")  # fmt: skip
    token = ApiToken.objects.get()
    assert (token.topics, token.aggregate_types) == (["doc*"], ["patient"])
    assert "topics: doc*\taggregate types: patient" in run("list_tokens")
    (act,) = acts()
    assert {name: act.details[name] for name in ("topics", "aggregate_types", "reason")} == {
        "topics": ["doc*"], "aggregate_types": ["patient"], "reason": "Ticket 4",
    }  # fmt: skip


@pytest.mark.parametrize("glob", ["", " ", "a\nb", "x" * 301])
def test_a_pattern_that_is_none_makes_no_token(glob: str) -> None:
    with pytest.raises(CommandError, match="pattern"):
        run("create_token", "nightly", "--role", "viewer", "--days", "1", "--topic", glob)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("name", "role", "days", "why"),
    [
        ("two words", "viewer", "1", "letters"),
        ("", "viewer", "1", "letters"),
        ("x" * 151, "viewer", "1", "150"),
        ("new\n", "viewer", "1", "letters"),
        ("fine", "", "1", "invalid choice"),
        ("fine", "emperor", "1", "invalid choice"),
        ("fine", "viewer", "0", "1 to"),
        ("fine", "viewer", "-3", "1 to"),
        ("fine", "viewer", "99999", "1 to"),
        ("fine", "viewer", "soon", "invalid int"),
    ],
)
def test_what_makes_no_token_is_refused_with_a_reason(name: str, role: str, days: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        run("create_token", name, "--role", role, "--days", days)
    assert not ApiToken.objects.exists()
    assert acts() == []


def test_a_name_is_taken_once_and_for_all() -> None:
    made()
    tokens.revoke("nightly")
    with pytest.raises(CommandError, match="already"):
        run("create_token", "nightly", "--role", "admin", "--days", "1")
    assert ApiToken.objects.get().role == "viewer"


def test_only_an_admin_makes_and_revokes_tokens_in_their_own_name() -> None:
    people.support()
    people.admin()
    made()
    with pytest.raises(CommandError, match="support may not"):
        run("create_token", "mine", "--role", "admin", "--days", "1", "--as", "support")
    with pytest.raises(CommandError, match="support may not"):
        run("revoke_token", "nightly", "--as", "support")
    assert [token.name for token in tokens.in_force()] == ["nightly"]
    assert "revoked" in run("revoke_token", "nightly", "--as", "admin")
    assert tokens.in_force() == []
    assert [(act.actor, act.action, act.resource.name) for act in acts(actor="admin")] == [
        ("admin", "revoke_token", "nightly")
    ]


def test_revoking_what_is_not_in_force_is_refused_and_leaves_no_record() -> None:
    with pytest.raises(CommandError, match="no token"):
        run("revoke_token", "nightly")
    assert acts() == []


def test_the_list_says_of_each_what_it_is_and_shows_no_secret() -> None:
    assert run("list_tokens") == ""
    texts = [made(name="a"), made("support", name="b"), made(name="c")]
    used(texts[0])
    tokens.revoke("b")
    ApiToken.objects.filter(name="c").update(ends=datetime.now(UTC))
    lines = run("list_tokens").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["a", "b", "c"]
    assert "holds until" in lines[0]
    assert "last used" in lines[0]
    assert "revoked" in lines[1]
    assert "ended" in lines[2]
    assert "never used" in lines[2]
    hashes = [token.hash for token in tokens.every()]
    assert not any(secret in "".join(lines) for secret in [*texts, *hashes])
