"""Of many topics no page waits for the store to tell its subscriptions: each shows what is known, says so, and judges nothing
by what is not."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test.utils import override_settings

from dashboard import gateway
from dashboard.gateway import shared
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import BacklogCache, BacklogSnapshot
from dashboard.web.place_counts import PlaceCounts
from eventstore.backlogs import AllBacklogs
from eventstore.backlogs.face import BacklogFace
from eventstore.config.loading import parse_config
from eventstore.giving_way import _of_process
from eventstore.model.errors import StoreUnreachable
from tests.web.desk import Answer, Desk, attribute, text
from tests.web.limits import access, scope

HOUR = 3600.0
PATIENT = "/aggregates/patient/4711/"
LISTS = ("/", "/subscriptions/", "/projections/")
PAGES = (*LISTS, "/projections/app/", "/events/e-0/", PATIENT, "/aggregates/?q=mai")
DECLARED = """
[[projection]]
name = "app"
purpose = "What patients see"
topics = ["patients"]
subscription = "mailer"
ways = ["topic"]
replay_topic = "patients-replay"
"""


class Store:
    """A store that takes as long to tell its subscriptions as a test does."""

    def __init__(self) -> None:
        self.let, self.asked = threading.Event(), 0
        self.error: StoreUnreachable | None = None
        self.current = BacklogFace.current

    def tell(self, face: BacklogFace) -> AllBacklogs:
        self.asked += 1
        assert self.let.wait(60)
        if self.error is not None:
            raise self.error
        return self.current(face)

    def end(self) -> None:
        """It has told, and takes its time again when it is asked next."""
        self.let.set()
        shared(BacklogCache).soon._pool.submit(int).result(60)
        self.let = threading.Event()


@pytest.fixture
def store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    slow = Store()
    monkeypatch.setattr(backlog_cache, "MANY_TOPICS", 1)
    with override_settings(EVENTDESK=parse_config(DECLARED, "desk.toml")):
        gateway.close()  # the next use opens it with these settings
        desk.publish(1)
        desk.subscribe("mailer")

        def current(self: BacklogFace, *age: timedelta) -> AllBacklogs:
            return slow.tell(self)

        monkeypatch.setattr(BacklogFace, "current", current)
        yield slow
        slow.end()
        gateway.close()


def look(desk: Desk, page: str, role: str = "support", *, fragment: bool = False) -> Answer:
    """As it is asked for by a process in which nothing was changed meanwhile."""
    return desk.client(role).get(page, headers={"HX-Request": "true"} if fragment else {})


def hours_later() -> None:
    cache = shared(BacklogCache)
    cache._read_at, cache._failed_at = cache._read_at - HOUR, cache._failed_at - HOUR
    if cache.last is not None:
        cache.last = replace(cache.last, as_of=cache.last.as_of - timedelta(seconds=HOUR))


def is_asking(answer: Answer) -> bool:
    return "data-asking" in answer.content.decode()


@pytest.fixture
def old(desk: Desk, store: Store) -> Store:
    """What was told hours ago is known, and the store is asked anew."""
    look(desk, "/")
    store.end()
    hours_later()
    return store


def test_no_page_waits_for_the_subscriptions_and_each_says_what_it_does_not_know(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in PAGES:
        answer = desk.get(page)
        assert answer.status_code == 200
        assert is_asking(answer), page
        assert "Look again" in text(answer)
        for wrong in ("All clear", "There is no topic", "There is no replay", "▲ no topic", "∅", "Nothing found", "Nothing."):
            assert wrong not in text(answer), (page, wrong)
    store.let.set()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    for page in LISTS[:2]:
        answer = desk.get(page)
        assert attribute(answer, "data-subscription") == ["mailer"]
        assert not is_asking(answer)
    assert "There is no replay topic" in text(desk.get("/projections/app/"))


def test_what_was_not_known_is_filled_in_by_the_page_itself(desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'data-refresh="1"' in desk.get("/").content.decode()
    assert desk.refreshed_empty("/subscriptions/").status_code == 204
    pages = ("/events/e-0/", PATIENT)
    for page in pages:
        assert (attribute(desk.get(page), "data-panel")[-1], attribute(desk.get(page), "data-refresh")) == ("delivery", ["1"])
    store.let.set()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    assert desk.refreshed_empty("/subscriptions/")["HX-Refresh"] == "true"
    assert 'data-refresh="5"' in desk.get("/").content.decode()
    for page in pages:
        assert attribute(desk.get(page, fragment=True), "data-delivery-of") == ["mailer"]


@pytest.mark.parametrize("page", PAGES)
def test_an_answer_that_nobody_saw_is_not_the_current_one_hours_later(desk: Desk, store: Store, page: str) -> None:
    look(desk, page)
    store.end()
    assert not is_asking(look(desk, page)), "it has just come"
    hours_later()
    assert is_asking(look(desk, page))
    store.end()
    assert store.asked == 2
    assert not is_asking(look(desk, page))


def test_that_the_store_was_away_hours_ago_is_not_said_now(desk: Desk, store: Store) -> None:
    store.error = StoreUnreachable("The broker does not answer.")
    look(desk, "/subscriptions/")
    store.end()
    hours_later()
    answer = look(desk, "/subscriptions/")
    assert "The broker does not answer." not in text(answer)
    assert is_asking(answer)
    store.end()
    assert "The broker does not answer." in text(look(desk, "/subscriptions/"))


def test_old_figures_are_shown_as_old_and_asked_for_anew(desk: Desk, old: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    said = text(look(desk, "/"))
    assert "1 subscription known so far" in said
    assert "Nothing." not in said
    assert shared(PlaceCounts).known("overview") is None
    for page in ("/events/e-0/", PATIENT):
        answer = look(desk, page)
        assert attribute(answer, "data-delivery-of") == ["mailer"]
        assert is_asking(answer)
        assert attribute(answer, "data-refresh") == ["1"]
        assert "refresh.js" in answer.content.decode()
    refused = desk.client().get(f"{PATIENT}?filter=delivery:mailer%3Dpending")
    assert refused.status_code == 400
    assert "the store is being asked about its subscriptions" in text(refused)
    old.let.set()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    for page in ("/events/e-0/", PATIENT):
        answer = look(desk, page)
        assert attribute(answer, "data-delivery-of") == ["mailer"]
        assert not is_asking(answer)


def test_the_table_of_subscriptions_is_loaded_whole_once_the_store_has_told(desk: Desk, old: Store) -> None:
    assert '{"asking": "1"}' in look(desk, "/subscriptions/").content.decode()
    unknown = look(desk, "/subscriptions/?topic=letters")
    assert "No subscription on this topic" not in text(unknown)
    assert "Not known yet" in text(unknown)
    asked = "/subscriptions/?asking=1"
    rows = look(desk, asked, fragment=True)
    assert attribute(rows, "data-subscription") == ["mailer"]
    assert '{"asking": "1"}' in rows.content.decode()
    refreshed = look(desk, "/subscriptions/", fragment=True).content.decode()
    assert "asking" not in refreshed, "the page has no such note: what is entered on it must not be lost"
    old.end()
    assert desk.client().get(asked, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "No subscription on this topic" in text(look(desk, "/subscriptions/?topic=letters"))


def test_a_search_names_no_only_thing_while_a_subscription_may_be_missing(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit = desk.get("/aggregates/?q=4711")
    assert hit.status_code == 200
    assert is_asking(hit)
    store.let.set()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    assert desk.get("/aggregates/?q=4711").status_code == 302


def test_topics_are_many_however_few_of_them_are_told_yet(desk: Desk, store: Store) -> None:
    shared(BacklogCache).before = BacklogSnapshot(lines=[], unavailable_topics=[], as_of=datetime.now(UTC))
    assert backlog_cache.are_many()
    assert is_asking(look(desk, "/subscriptions/"))


def test_what_is_known_is_what_any_process_saw_last(desk: Desk, old: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    desk.subscribe("indexer")
    desk.faces.backlogs.forget()
    old.current(desk.faces.backlogs)
    known = backlog_cache.last_known()
    assert known is not None
    assert sorted(line.subscription.name for line in known.lines) == ["indexer", "mailer"]


@pytest.mark.parametrize("page", LISTS)
def test_old_figures_of_others_are_not_shown_in_a_scope(desk: Desk, old: Store, page: str) -> None:
    with access(scope=(scope("support", "letters"),)):
        answer = look(desk, page)
    assert is_asking(answer)
    assert "mailer" not in text(answer)


def test_what_was_found_before_a_change_is_not_kept_however_late_the_change_is_noticed(desk: Desk) -> None:
    cache, threads = shared(BacklogCache), []

    class Forgotten(int):
        """Something is changed while it is compared."""

        def __eq__(self, other: object) -> bool:
            threads.append(threading.Thread(target=cache.forget))
            threads[0].start()
            threads[0].join(0.2)
            return True

        __hash__ = int.__hash__

    cache._forgotten = Forgotten(0)
    cache.gathered()
    threads[0].join(60)
    assert cache.fresh is None


def test_what_is_done_behind_pages_gives_way_to_them(desk: Desk) -> None:
    assert backlog_cache.Soon(_of_process._is_behind.get).begin().result(60)
    assert not _of_process._is_behind.get()
