"""What decides about access tells of itself when it changes, once that is committed; and what decides nothing does not."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from dashboard.access import tokens
from dashboard.accounts.session_store import SessionStore
from dashboard.hints import of_process
from dashboard.models import ApiToken, LoginSession, Person, Reveal, Role
from dashboard.privacy.by_reason import cases, reveals
from dashboard.privacy.by_reason.reveals import Stated
from dashboard.privacy.profiles import Subject
from tests import people

pytestmark = pytest.mark.usefixtures("desk_databases")
SUBJECT, STATED = Subject(kind=reveals.EVENT, topic="t", event_id="e"), Stated(reason="asked", ticket="SUP-1")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One for each time that other processes are told."""
    heard: list[str] = []
    monkeypatch.setattr(of_process, "send", lambda: heard.append("told"))
    yield heard


def _session() -> str:
    store = SessionStore()
    store.create()
    assert store.session_key
    return store.session_key


def _person() -> Person:
    return people.person("privacy", "anna")


def _reveal() -> Reveal:
    return reveals.begin(_person(), "login", SUBJECT, STATED, lasts=timedelta(minutes=5), case=None)


def _groups() -> Callable[[], object]:
    person, group = _person(), Group.objects.create(name="clinic")
    return lambda: person.groups.set([group])


def _disabled() -> Callable[[], object]:
    person = _person()
    person.is_active = False
    return person.save


def _token_revoked() -> Callable[[], object]:
    tokens.make("export", Role.SUPPORT, 1)
    return lambda: tokens.revoke("export")


def _session_ended() -> Callable[[], object]:
    key = _session()
    return lambda: LoginSession.objects.filter(session_key=key).delete()


def _reveal_ended() -> Callable[[], object]:
    reveal = _reveal()
    return lambda: reveals.end(reveal)


def _case_closed() -> Callable[[], object]:
    person = _person()
    case = cases.begin(person, ticket="SUP-1", reason="asked", lasts=timedelta(hours=1))
    assert case
    reveals.begin(person, "login", SUBJECT, STATED, lasts=timedelta(minutes=5), case=case)
    return lambda: cases.end(case)


DECIDE = [_groups, _disabled, _token_revoked, _session_ended, lambda: _reveal, _reveal_ended, _case_closed]


@pytest.mark.parametrize("change", DECIDE, ids=lambda one: one.__name__.strip("_<>"))
def test_what_decides_about_access_is_told_once_it_is_committed(
    change: Callable[[], Callable[[], object]], told: list[str]
) -> None:
    act = change()
    told.clear()
    with transaction.atomic():
        act()
        assert told == []
    assert told


def test_what_is_rolled_back_is_not_told(told: list[str]) -> None:
    act = _disabled()
    told.clear()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        act()
        raise ZeroDivisionError
    assert told == []


def test_what_decides_nothing_is_not_told(told: list[str]) -> None:
    person, key = _person(), _session()
    token, _ = tokens.make("export", Role.SUPPORT, 1)
    told.clear()
    person.save(update_fields=["last_login"])
    store = SessionStore(key)
    store["notes"] = "1"
    store.save()
    store.note_use()
    tokens.in_use(token.hash)
    assert ApiToken.objects.get().last_used is not None
    assert tokens.revoke("another") is False
    assert told == []


def test_whatever_a_transaction_changes_is_told_once(told: list[str]) -> None:
    for _ in range(3):
        _session()
    told.clear()
    LoginSession.objects.all().delete()
    assert told == ["told"]


def test_what_is_rolled_back_within_a_transaction_takes_no_other_hint_along(told: list[str]) -> None:
    first, second = _session_ended(), _session_ended()
    told.clear()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            first()
            raise ZeroDivisionError
        second()
    assert told == ["told"]
