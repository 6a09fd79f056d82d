"""The pages of API tokens: for admins alone, each text shown once, each act with its reason on the record."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse

from dashboard.access import tokens
from dashboard.auditing.acts import acts
from dashboard.models import ApiToken, AuditEntry, Purpose, Role
from eventstore.config.people import AccessScope
from tests.web.desk import Desk, opened_desk, text
from tests.web.limits import access, scope

GIVEN = {"name": "nightly", "purpose": "tail", "role": "support", "days": "30", "reason": "Export for SUP-1"}


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def make(desk: Desk, **given: str) -> HttpResponse:
    return desk.client("admin").post("/tokens/makings/", GIVEN | given)  # type: ignore[return-value]


def text_on(page: HttpResponse) -> str:
    found = re.search(r"data-token-text>(edk_[\w-]+)<", page.content.decode())
    assert found, text(page)
    return found[1]


def test_a_token_is_made_shown_once_and_recorded_with_its_reason_and_limits(desk: Desk) -> None:
    page = make(desk, topics="documents*\r\n\r\n  patients ", aggregate_types="patient")
    shown = text_on(page)
    assert "no-store" in page.headers["Cache-Control"]
    token = tokens.in_use(tokens.hash_of(shown))
    assert token is not None
    assert (token.role, token.topics, token.aggregate_types) == ("support", ["documents*", "patients"], ["patient"])
    assert timedelta(days=29) < token.ends - datetime.now(UTC) <= timedelta(days=30)
    (act,) = acts(action="make_token")
    assert (act.actor, act.via, act.resource.name) == ("admin", "page", "nightly")
    assert act.details == {
        "role": "support", "days": 30, "purpose": "live tail", "topics": ["documents*", "patients"],
        "aggregate_types": ["patient"], "reason": "Export for SUP-1",
    }  # fmt: skip
    everything = desk.get("/tokens/", "admin").content.decode() + str(list(AuditEntry.objects.values()))
    assert shown not in everything and tokens.hash_of(shown) not in everything


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "two words"}, {"name": "\x00"}, {"role": ""}, {"role": "emperor"}, {"days": "0"},
        {"days": "99999"}, {"days": "soon"}, {"reason": ""}, {"purpose": "everything"}, {"topics": "x" * 301},
        {"topics": "a\x1bb"}, {"aggregate_types": "\n".join("a" * 51)},
    ],
)  # fmt: skip
def test_what_makes_no_token_is_said_and_what_was_typed_stays(desk: Desk, wrong: dict[str, str]) -> None:
    page = make(desk, **wrong)
    assert page.status_code == 422
    assert 'class="error"' in page.content.decode()
    assert not ApiToken.objects.exists() and acts(action="make_token") == []


def test_the_form_says_who_fills_it_in_and_not_what_is_chosen_in_it(desk: Desk) -> None:
    assert "admin · admin" in text(desk.get("/tokens/new/", "admin"))


def test_a_name_is_taken_once(desk: Desk) -> None:
    make(desk)
    assert "already" in text(make(desk))
    assert ApiToken.objects.count() == 1


def test_an_admin_with_a_scope_makes_no_token_that_sees_more_than_they_do(desk: Desk) -> None:
    everything, mine = scope("privacy", "*"), scope("admin", "documents", "pat*", types=("patient", "o?"))
    own = {"role": "privacy", "topics": "pat*\r\npatients-1\r\ndocuments", "aggregate_types": "o?\r\npatient"}
    command = ["create_token", "shell", "--role", "privacy", "--days", "1", "--as", "admin"]
    with access(scope=(everything, mine)):
        for wider in ({"topics": ""}, {"aggregate_types": ""}, {"topics": "p*"}, {"topics": "pat*\r\norders"}):
            page = make(desk, **{**own, **wider})
            assert page.status_code == 422 and "would see more than you do" in text(page)
        with pytest.raises(CommandError, match="would see more than you do"):
            call_command(*command)
        assert not ApiToken.objects.exists()
        assert make(desk, **own).status_code == 200
        assert make(desk, name="of-my-role", role="admin").status_code == 200
    with access(scope=(everything, scope("admin", "*"))):
        call_command(*command, stdout=io.StringIO())


def test_a_token_that_no_scope_gives_anything_is_said_to_see_nothing(desk: Desk) -> None:
    of_group = AccessScope(groups=("clinic",), roles=("support",), topics=("*",), aggregate_types=("*",))
    with access(scope=(scope("admin", "*"), scope("viewer", "*"), of_group)):
        assert b"data-sees-nothing" in make(desk, purpose="metrics").content
        assert b"data-sees-nothing" not in make(desk, name="another", role="viewer").content
    assert b"data-sees-nothing" not in make(desk, name="third").content


@pytest.mark.parametrize("role", [str(role) for role in Role if role != Role.ADMIN])
def test_nobody_but_an_admin_sees_makes_or_revokes_tokens(desk: Desk, role: str) -> None:
    token, _ = tokens.make("nightly", Role.VIEWER, 1)
    client = desk.client(role)
    for url in ("/tokens/", "/tokens/new/", f"/tokens/{token.pk}/revocation/"):
        assert client.get(url).status_code == 403
    assert client.post("/tokens/makings/", GIVEN | {"name": "mine"}).status_code == 403
    assert client.post(f"/tokens/{token.pk}/revocations/", {"reason": "x"}).status_code == 403
    assert [one.name for one in tokens.in_force()] == ["nightly"]


def test_a_token_is_revoked_with_a_reason_and_stays_in_the_list(desk: Desk) -> None:
    shown = text_on(make(desk))
    token = ApiToken.objects.get()
    client = desk.client("admin")
    assert client.post(f"/tokens/{token.pk}/revocations/", {"reason": " "}).status_code == 422
    assert tokens.in_use(tokens.hash_of(shown))
    assert client.post(f"/tokens/{token.pk}/revocations/", {"reason": "Leaked"}).headers["Location"] == "/tokens/"
    assert tokens.in_use(tokens.hash_of(shown)) is None
    assert acts(action="revoke_token")[0].details["reason"] == "Leaked"
    assert "revoked" in text(client.get("/tokens/"))
    for again in (f"/tokens/{token.pk}/revocation/", "/tokens/999/revocation/"):
        assert client.get(again).status_code == 404
    assert client.post(f"/tokens/{token.pk}/revocations/", {"reason": "x"}).status_code == 404


def test_the_list_says_of_each_token_what_it_is_and_when_it_was_used(desk: Desk) -> None:
    assert "No API tokens yet" in text(desk.get("/tokens/", "admin"))
    tokens.make("a-ended", Role.VIEWER, 1)
    ApiToken.objects.update(ends=datetime.now(UTC))
    _, shown = tokens.make("scraper", Role.VIEWER, 1, tokens.Narrowed(purpose=Purpose.METRICS, topics=["<script>*"]))
    assert "never" in text(desk.get("/tokens/", "admin"))
    tokens.in_use(tokens.hash_of(shown))
    page = desk.get("/tokens/", "admin")
    said = text(page)
    assert said.index("scraper") < said.index("a-ended"), "those in force come first"
    assert "metrics" in said and "ended" in said and "<script>*" in said
    assert "<script>*" not in page.content.decode()
    assert page.content.decode().count("Revoke…<") == 1, "that of the one in force"
