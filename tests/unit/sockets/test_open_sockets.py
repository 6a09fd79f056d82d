"""Open sockets are counted for each account, and woken when what decides about their access changes, in whatever process."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from dashboard.access import tokens
from dashboard.access.scopes import EVERYTHING
from dashboard.accounts.session_store import SessionStore
from dashboard.models import ApiToken, LoginSession, Person, Role
from dashboard.sockets import at_the_provider, open_sockets
from dashboard.sockets.open_sockets import OpenSockets, State, Watched, state_when_opened
from tests import people
from tests.contract.helpers import soon

pytestmark = pytest.mark.usefixtures("desk_databases")
NEVER = 60.0
"""Seconds after which nobody will be woken any more."""


def session() -> str:
    store = SessionStore()
    store.create()
    assert store.session_key
    return store.session_key


def woken(watched: dict[str, Watched], change: Callable[[], object]) -> set[str]:
    """Who is woken by this change, apart from the first time, when everybody is."""
    heard: list[str] = []

    async def work() -> None:
        everybody = OpenSockets()
        wakes = {name: partial(heard.append, name) for name in watched}
        for name, each in watched.items():
            everybody.add(each, wakes[name])
        while len(heard) < len(watched):
            await asyncio.sleep(0.01)
        assert sorted(heard) == sorted(watched)
        heard.clear()
        await asyncio.to_thread(change)
        while not heard:
            await asyncio.sleep(0.01)
        for wake in wakes.values():
            everybody.discard(wake)

    asyncio.run(asyncio.wait_for(work(), NEVER))
    return set(heard)


@pytest.fixture
def watched() -> dict[str, Watched]:
    token, _ = tokens.make("export", Role.SUPPORT, 1)
    return {
        "anna": Watched(("person", people.person("support", "anna").pk), session()),
        "ben": Watched(("person", people.person("support", "ben").pk), session()),
        "export": Watched(("token", token.pk)),
    }


def test_a_person_who_is_disabled_elsewhere_is_told_and_nobody_else(
    watched: dict[str, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.05)
    assert woken(watched, lambda: Person.objects.filter(username="anna").update(is_active=False)) == {"anna"}
    assert woken(watched, lambda: Person.objects.filter(username="ben").update(role="viewer")) == {"ben"}
    assert woken(watched, lambda: LoginSession.objects.filter(session_key=watched["ben"].session).delete()) == {"ben"}
    assert woken(watched, lambda: ApiToken.objects.filter(name="export").update(role="viewer")) == {"export"}
    assert woken(watched, lambda: tokens.revoke("export")) == {"export"}


def test_who_has_changed_since_the_socket_was_opened_is_woken_and_nobody_else(
    watched: dict[str, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.001)
    accounts: dict[str, Person | ApiToken] = {
        "anna": Person.objects.get(username="anna"),
        "ben": Person.objects.get(username="ben"),
        "export": ApiToken.objects.get(name="export"),
        "import": tokens.make("import", Role.SUPPORT, 1)[0],
    }
    watched["import"] = Watched(("token", accounts["import"].pk))
    Person.objects.filter(username="anna").update(role="viewer")
    tokens.revoke("export")
    heard: list[str] = []

    async def work() -> None:
        everybody = OpenSockets()
        for name, account in accounts.items():
            state = state_when_opened(watched[name], account, EVERYTHING)
            everybody.add(watched[name], partial(heard.append, name), state)
        while len(heard) < 2:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(Person.objects.filter(username="ben").update, is_active=False)
        while len(heard) < 3:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(work(), NEVER))
    assert heard == ["anna", "export", "ben"]


def test_a_change_in_this_process_is_told_without_waiting(
    watched: dict[str, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 3_600)
    anna = Person.objects.get(username="anna")
    anna.is_active = False
    assert woken(watched, anna.save) == {"anna"}


def test_whatever_fails_the_next_question_is_asked_and_after_some_each_socket_asks_for_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(open_sockets, "LEAST_PAUSE", 0.001)
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.001)
    asked: list[int] = []

    def away(watched: object) -> State:
        asked.append(1)
        if len(asked) <= 2 * 8:  # each question is asked again with a new connection
            raise InterfaceError("connection already closed")
        return {}

    monkeypatch.setattr(open_sockets, "state_of", away)
    heard: list[int] = []

    async def work() -> None:
        everybody = OpenSockets()
        wake = partial(heard.append, 1)
        everybody.add(Watched(("token", 1)), wake)
        while len(asked) < 2 * 8 + 3:
            await asyncio.sleep(0.001)
        everybody.discard(wake)

    asyncio.run(asyncio.wait_for(work(), NEVER))
    assert len(heard) == 2, "after eight failures, and at the first answer"
    assert caplog.text.count("InterfaceError") == 1


def test_all_questions_take_one_connection_which_is_closed_with_the_last_socket(
    watched: dict[str, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "LEAST_PAUSE", 0.001)
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.001)
    asked: list[str] = []
    made: list[BaseDatabaseWrapper] = []

    def state(watched: object) -> State:
        asked.append(threading.current_thread().name)
        return {"questions": Person.objects.count()}  # type: ignore[dict-item]

    def note(connection: BaseDatabaseWrapper, **_: object) -> None:
        made.append(connection)

    monkeypatch.setattr(open_sockets, "state_of", state)
    connection_created.connect(note)

    async def work() -> None:
        everybody = OpenSockets()
        wake = partial(asked.append, "woken")
        everybody.add(watched["anna"], wake, {})
        while len(asked) < 5:
            await asyncio.sleep(0.001)
        everybody.discard(wake)

    try:
        asyncio.run(asyncio.wait_for(work(), NEVER))
    finally:
        connection_created.disconnect(note)
    assert len(set(asked)) == len(made) == 1, "nobody was woken"
    assert soon(lambda: made[0].connection is None)


def test_the_provider_is_asked_once_for_all_sockets_of_a_login_and_who_is_refused_is_woken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_sockets, "provider", object)
    monkeypatch.setattr(open_sockets, "state_of", lambda watched: {})
    monkeypatch.setattr(at_the_provider, "ASK_EVERY", 0.01)
    rounds: list[str] = []
    refuses: set[str] = set()

    def holds(session: str) -> bool:
        rounds.append(session)
        if session == "odd":
            raise ValueError
        return session not in refuses

    monkeypatch.setattr(at_the_provider, "holds_at_provider", holds)
    heard: list[str] = []

    async def work() -> None:
        everybody = OpenSockets()
        for name, session in (("anna 1", "a"), ("anna 2", "a"), ("ben", "b"), ("odd", "odd"), ("script", "")):
            everybody.add(Watched(("person", 1), session), partial(heard.append, name))
        while len(rounds) < 3 or len(heard) < 5:
            await asyncio.sleep(0.001)
        assert sorted(rounds[:3]) == ["a", "b", "odd"]
        heard.clear()
        refuses.add("a")
        while len(heard) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(work(), NEVER))
    assert set(heard) == {"anna 1", "anna 2"}


def test_sockets_are_counted_for_each_account(watched: dict[str, Watched]) -> None:
    async def work() -> list[int]:
        everybody = OpenSockets()
        wakes = [asyncio.Event().set for _ in range(3)]
        for wake in wakes:
            everybody.add(watched["anna"], wake)
        counts = [everybody.count(watched[name].account) for name in ("anna", "ben")]
        for wake in wakes:
            everybody.discard(wake)
            everybody.discard(wake)
        return [*counts, everybody.count(watched["anna"].account)]

    assert asyncio.run(work()) == [3, 0, 0]


def test_sockets_that_were_opened_together_ask_at_different_times_and_seldom_if_they_are_many() -> None:
    few, many = OpenSockets(), OpenSockets()
    many._open = {(lambda: None): Watched(("token", number)) for number in range(1_000)}
    for sockets, most in ((few, 10.0), (many, 200.0)):
        found = [sockets.ask_again_after(10.0) for _ in range(200)]
        assert all(0.75 * most <= seconds <= most for seconds in found)
        assert len(set(found)) > 100
