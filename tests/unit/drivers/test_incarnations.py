"""A log is told from another one of its name by the broker's own creation time, and each ledger asked about once."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import httpx
import pytest

from eventstore.drivers.pulsar import incarnations
from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.incarnations import Incarnations
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import MadeAnew, StoreUnreachable

PAGE = "<html><body><h2>HTTP ERROR 500 Request failed.</h2>"
"""How the page of 4.0.8 begins for a log that does not exist. It gives no reason."""

LOG = TopicName(tenant="public", namespace="default", local="orders")


def told(created: str, *ledgers: int) -> dict[str, Any]:
    """What ``internal-info`` of 4.0.8 and 4.2.4 says."""
    return {
        "version": 1,
        "creationDate": created,
        "modificationDate": created,
        "ledgers": [{"ledgerId": ledger, "timestamp": 1795961351064, "isOffloaded": False} for ledger in ledgers],
        "cursors": {},
    }


class Telling:
    """An admin API that says this of every log, and counts how often it is asked."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer, self.asked = answer, 0

    def log_info(self, log: TopicName) -> dict[str, Any] | None:
        self.asked += 1
        return self.answer


@pytest.fixture
def admin() -> Telling:
    return Telling(told("2026-11-29T14:10:45.5Z", 5, 6))


@pytest.fixture
def known(admin: Telling) -> Incarnations:
    return Incarnations(cast(Admin, admin))


@pytest.mark.parametrize(
    ("created", "incarnation"),
    [
        ("2026-11-29T14:10:45.5Z", "2026-11-29T14:10:45.500+00:00"),
        ("2026-11-29T14:10:45Z", "2026-11-29T14:10:45.000+00:00"),
        ("2026-11-29T15:10:45.512+0100", "2026-11-29T14:10:45.512+00:00"),
        ("1970-01-01T00:00:00Z", ""),
        ("at noon", ""),
    ],
)
def test_the_creation_time_is_read_in_any_zone_and_1970_tells_nothing(
    admin: Telling, known: Incarnations, created: str, incarnation: str
) -> None:
    admin.answer = told(created)
    assert known.of(LOG).incarnation == incarnation


def test_a_log_that_does_not_exist_has_no_incarnation(admin: Telling, known: Incarnations) -> None:
    admin.answer = {}
    assert known.of(LOG).incarnation == ""


def test_a_reader_asks_once_for_each_ledger_that_is_new_and_stops_at_another_log(admin: Telling, known: Incarnations) -> None:
    first = known.of(LOG)
    identify = known.follow(LOG, first)
    assert [identify(5), identify(6), identify(6)] == [first.incarnation] * 3
    assert admin.asked == 1
    admin.answer = told("2026-11-29T14:10:45.5Z", 6, 7)
    assert [identify(7), identify(7)] == [first.incarnation] * 2
    assert admin.asked == 2
    admin.answer = told("2026-11-29T15:00:00Z", 8)
    with pytest.raises(MadeAnew, match="deleted and made anew"):
        identify(8)


def test_a_partition_that_had_no_log_yet_gets_its_incarnation_with_its_first_ledger(
    admin: Telling, known: Incarnations
) -> None:
    admin.answer = {}
    identify = known.follow(LOG, known.of(LOG))
    admin.answer = told("2026-11-29T15:00:00Z", 8)
    assert identify(8) == "2026-11-29T15:00:00.000+00:00"


def test_a_page_asks_again_for_a_ledger_that_it_does_not_know_and_after_some_seconds(
    admin: Telling, known: Incarnations, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = known.of_ledger(LOG, 5)
    assert (known.of_ledger(LOG, 6), admin.asked) == (old, 1)
    admin.answer = told("2026-11-29T15:00:00Z", 8)
    assert known.of_ledger(LOG, 8) != old
    assert known.of_ledger(LOG, 5) == ""
    asked = admin.asked
    monkeypatch.setattr(incarnations, "FRESH_SECONDS", -1.0)
    known.of_ledger(LOG, 8)
    assert admin.asked == asked + 1


def test_threads_that_read_one_log_at_the_same_moment_ask_once(
    admin: Telling, known: Incarnations, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, waits = threading.Semaphore(0), threading.Event()

    class Noticed(Future[Any]):
        """Who waits for another thread's answer has come."""

        def result(self, timeout: float | None = None) -> Any:
            came.release()
            return super().result(timeout)

    def log_info(log: TopicName) -> dict[str, Any] | None:
        waits.wait(60)
        return Telling.log_info(admin, log)

    monkeypatch.setattr(incarnations, "Future", Noticed)
    monkeypatch.setattr(admin, "log_info", log_info)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(known.of_ledger, LOG, 5) for _ in range(8)]
        for _ in range(7):
            assert came.acquire(timeout=60)
        waits.set()
        labels = [one.result() for one in found]
    assert (len(set(labels)), labels[0] != "", admin.asked) == (1, True, 1)


def test_an_answer_that_tells_nothing_takes_the_place_of_none_that_did(
    admin: Telling, known: Incarnations, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, sure = known.of_ledger(LOG, 5), admin.answer
    admin.answer = None
    assert known.of_ledger(LOG, 7) == ""
    assert known.of_ledger(LOG, 5) == first, "it was told a moment ago"
    monkeypatch.setattr(incarnations, "RECENT_SECONDS", -1.0)
    with pytest.raises(StoreUnreachable, match="cannot say which log"):
        known.of(LOG)
    admin.answer = sure
    assert known.of(LOG).incarnation == first


def test_a_reader_labels_no_new_ledger_while_the_broker_cannot_say_whose_it_is(admin: Telling, known: Incarnations) -> None:
    first = known.of(LOG)
    identify = known.follow(LOG, first)
    admin.answer = None
    with pytest.raises(StoreUnreachable):
        identify(7)
    assert identify(6) == first.incarnation
    admin.answer = told("2026-11-29T14:10:45.5Z", 6, 7)
    assert identify(7) == first.incarnation


def test_a_reader_labels_no_ledger_of_a_log_that_has_gone_meanwhile(admin: Telling, known: Incarnations) -> None:
    identify = known.follow(LOG, known.of(LOG))
    admin.answer = {}
    with pytest.raises(MadeAnew):
        identify(7)


def test_a_ledger_that_the_log_of_now_does_not_have_is_nobodys(admin: Telling, known: Incarnations) -> None:
    admin.answer = {}
    identify = known.follow(LOG, known.of(LOG))
    admin.answer = told("2026-11-29T15:00:00Z", 8)
    assert [identify(7), identify(8)] == ["", "2026-11-29T15:00:00.000+00:00"]


def answering(answers: Mapping[str, tuple[int, str]]) -> Admin:
    """An admin API that answers by the last part of the path."""
    admin = Admin(url="http://broker", credentials=Credentials())

    def answer(request: httpx.Request) -> httpx.Response:
        status, text = answers[request.url.path.rpartition("/")[2]]
        return httpx.Response(status, text=text)

    admin._http._open_client = lambda: httpx.Client(transport=httpx.MockTransport(answer))  # type: ignore[method-assign]
    return admin


@pytest.mark.parametrize(
    ("stats", "told"),
    [((404, '{"reason":"Topic persistent://public/default/orders not found"}'), {}), ((500, ""), None), ((200, "{}"), None)],
)
def test_a_log_that_does_not_exist_is_told_from_one_of_which_the_broker_cannot_say(
    stats: tuple[int, str], told: dict[str, Any] | None
) -> None:
    admin = answering({"internal-info": (500, PAGE), "internalStats": stats})
    assert admin.log_info(LOG) == told
