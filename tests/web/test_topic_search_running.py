"""Filtering a topic: a search that is still running, followed by its person alone, stopped, and continued."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from dashboard import gateway
from dashboard.web import filter_form
from eventstore.scanning.scan import Scan
from tests.web.desk import Desk, attribute, text
from tests.web.searches import filtered, join_all, polls, the_scan


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[threading.Event]:
    """A store that continues to read only once this is set. Pages do not wait meanwhile."""
    go_on = threading.Event()
    original = type(desk.log).read_backward

    def wait_then_read(*args: Any, **names: Any) -> Any:
        assert go_on.wait(60)
        return original(*args, **names)

    monkeypatch.setattr(type(desk.log), "read_backward", wait_then_read)
    monkeypatch.setattr(filter_form, "PATIENCE", 0.0)
    yield go_on
    go_on.set()
    gateway.desk().scans.close()


def wait_until_it_knows_how_many(scan: Scan[Any]) -> None:
    while scan.running and scan.progress().expected is None:
        time.sleep(0.01)


def test_a_search_that_stopped_at_its_bound_goes_on_from_there(desk: Desk) -> None:
    desk.publish(240)
    begun = filtered(desk, "type:*")
    the_scan(desk).join(60)
    first = filtered(desk, "type:*", search=attribute(begun, "data-search")[0])
    assert "not complete 200 matches Stopped at 200 matches, after 200 of 240 events." in text(first)
    assert "Older events were not read." in text(first)
    [onward] = re.findall(r'href="([^"]+)">Continue this search', first.content.decode())
    onward = onward.replace("&amp;", "&")
    resumed = desk.get(onward)
    join_all()
    rest = desk.get(f"{onward}&{urlencode({'search': attribute(resumed, 'data-search')[0]})}")
    assert attribute(rest, "data-event-id") == [f"e-{number}" for number in range(39, -1, -1)]
    assert "Read the remaining 40 events." in text(rest)


# -- while it runs


def test_a_running_search_is_followed_by_fragments_that_bring_what_is_new(desk: Desk, held: threading.Event) -> None:
    desk.publish(5)
    page = filtered(desk, "type:*")
    assert "searching" in text(page)
    assert attribute(page, "data-event-id") == []
    [url] = polls(page)
    assert url.endswith("?seen=0")
    assert "searching" in text(desk.get(url, fragment=True))
    held.set()
    the_scan(desk).join(60)
    news = desk.get(url, fragment=True)
    assert attribute(news, "data-event-id") == ["e-4", "e-3", "e-2", "e-1", "e-0"]
    assert 'hx-swap-oob="beforeend:#search-rows"' in news.content.decode()
    assert "<html" not in news.content.decode()
    assert polls(news) == []
    assert attribute(desk.get(url.replace("seen=0", "seen=3"), fragment=True), "data-event-id") == ["e-1", "e-0"]


def test_without_scripts_a_link_shows_what_was_found_since(desk: Desk, held: threading.Event) -> None:
    desk.publish(3)
    page = filtered(desk, "type:*")
    [link] = re.findall(r'href="([^"]+)">Show what was found since', page.content.decode())
    running = the_scan(desk)
    held.set()
    running.join(60)
    again = desk.get(link.replace("&amp;", "&"))
    assert the_scan(desk) is running
    assert attribute(again, "data-event-id") == ["e-2", "e-1", "e-0"]
    [url] = polls(page)
    by_address = desk.get(url)
    assert by_address.status_code == 302
    assert by_address.headers["Location"] == link.replace("&amp;", "&")


@pytest.mark.parametrize("scripts", [True, False])
def test_stopping_says_what_was_not_read(desk: Desk, held: threading.Event, scripts: bool) -> None:
    desk.publish(3)
    page = filtered(desk, "type:*")
    wait_until_it_knows_how_many(the_scan(desk))
    [action] = [url for url in attribute(page, "action") if url.startswith("/searches/")]
    stopped = desk.client().post(action, headers={"HX-Request": "true"} if scripts else {})
    assert stopped.status_code == (204 if scripts else 302)
    answer = desk.get(polls(page)[0], fragment=True) if scripts else desk.get(stopped.headers["Location"])
    assert "not complete 0 matches Stopped after 0 of 3 events. Older events were not read." in text(answer)
    assert polls(answer) == []


def test_a_search_is_its_persons_alone(desk: Desk, held: threading.Event) -> None:
    desk.publish(1)
    page = filtered(desk, "type:*")
    [url] = polls(page)
    for role in ("viewer", "admin"):
        assert desk.get(url, role, fragment=True).status_code == 404
        assert desk.client(role).post(url.split("?")[0] + "stops/").status_code == 404
    assert the_scan(desk).running


def test_a_search_that_is_gone_says_so(desk: Desk) -> None:
    answer = desk.get("/searches/nothing/?seen=3", fragment=True)
    assert answer.status_code == 404
    assert "This search has ended" in text(answer)
    assert desk.get("/searches/nothing/").status_code == 404


@pytest.mark.parametrize("seen", ["", "-1", "x", "9" * 30, "²"])
def test_no_number_of_seen_matches_is_an_error(desk: Desk, seen: str) -> None:
    desk.publish(1)
    page = filtered(desk, "type:*")
    [id] = attribute(page, "data-search")
    assert desk.get(f"/searches/{id}/?seen={quote(seen)}", fragment=True).status_code == 200


def test_too_many_searches_are_refused_with_a_sentence(
    desk: Desk, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish(1)
    monkeypatch.setattr(gateway.desk().scans, "_most", 1)
    filtered(desk, "type:*")
    answer = filtered(desk, "type:*", "admin")
    assert answer.status_code == 503
    assert "1 search is running already" in text(answer)
    assert attribute(answer, "data-event-id") == []


def test_a_person_whose_role_was_lowered_gets_no_more_of_a_search(desk: Desk, held: threading.Event) -> None:
    desk.publish(1)
    page = filtered(desk, "Erika")
    person = desk.client().session["_auth_user_id"]
    from dashboard.models import Person, Role

    Person.objects.filter(pk=person).update(role=Role.VIEWER)
    assert desk.get(polls(page)[0], fragment=True).status_code == 404
