"""Open sockets are counted for each account, and woken when what decides about their access changes, in whatever process."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from dashboard.access import tokens
from dashboard.accounts.session_store import SessionStore
from dashboard.models import ApiToken, LoginSession, Person, Role
from dashboard.sockets import open_sockets
from dashboard.sockets.open_sockets import OpenSockets, Watched
from tests import people

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


def test_a_change_in_this_process_is_told_without_waiting(
    watched: dict[str, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 3_600)
    anna = Person.objects.get(username="anna")
    anna.is_active = False
    assert woken(watched, anna.save) == {"anna"}


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
