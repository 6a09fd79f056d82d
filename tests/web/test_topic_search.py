"""Filtering a topic: what the page shows of a search that reads it, on the page and as fragments, for every role."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import OperationalError

from dashboard import gateway
from dashboard.web import filter_form
from eventstore.config.loading import parse_config
from eventstore.index.lookup import queries
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.scanning.scan import Scan
from tests import hostile
from tests.web.desk import TOPIC, Desk, attribute, event, opened_desk, text

SHOW = f"/topics/{TOPIC}/"

BY_VALUES = (
    "Erika",
    '"Erika Mustermann"',
    "text:Erika",
    'text~"^.*Erika"',
    "data.name:Erika*",
    'data.name~"^E"',
    "data.name:*",
    "data.age>1",
    "key:4711",
    "property.ce_source:/tests",
    "source:/tests",
    "subject:x",
    "type:health.* data.name:Erika*",
    "type:none or not data.name:Erika*",
    "not (not (key:4711))",
)
"""Filters whose answer says something of what a viewer may not see."""

BY_IDS = (
    "type:*PatientRegistered",
    "aggregate:4711",
    "aggregate:patient/4711",
    "id:e-1",
    "correlation:c-1",
    "causation:e-0",
    "time>=2024-05-01",
    "type:health.* not id:e-2",
)


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[threading.Event]:
    """A store that reads on only once this is set; pages wait for nothing meanwhile."""
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


def filtered(desk: Desk, filter: str, role: str = "support", **more: Any) -> Any:
    return desk.get(f"{SHOW}?{urlencode({'filter': filter, **more})}", role)


def the_scan(desk: Desk, role: str = "support") -> Scan[Any]:
    [scan] = [scan for _, scan in gateway.desk().scans._scans.values()]
    return scan


def wait_until_it_knows_how_many(scan: Scan[Any]) -> None:
    while scan.running and scan.progress().expected is None:
        time.sleep(0.01)


# -- what is shown


def test_the_matches_stand_in_the_page_with_the_word_complete(desk: Desk) -> None:
    desk.publish(6)
    answer = filtered(desk, "id:e-2 or id:e-4")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-4", "e-2"]
    assert "complete 2 matches Read all 6 events." in text(answer)
    assert 'value="id:e-2 or id:e-4"' in answer.content.decode()
    assert polls(answer) == []


def test_where_the_filter_asks_for_an_id_the_page_leads_to_the_search_box(desk: Desk) -> None:
    desk.publish(6)
    for filter, id in (
        ("id:e-2", "e-2"),
        ("type:*Patient* aggregate=patient/4711", "patient/4711"),
        ('correlation:"c 1"', "c 1"),
    ):
        link = f'href="/aggregates/?{urlencode({"q": id})}"'
        assert link in filtered(desk, filter).content.decode()
        assert desk.get(f"/aggregates/?{urlencode({'q': id})}").status_code in (200, 302)
    for filter in ("id:e-*", "id:e-2 or id:e-4", "not id:e-2", "aggregate!=4711", "type:PatientRegistered", "id~e"):
        assert "the search box" not in filtered(desk, filter).content.decode()


def polls(answer: Any) -> list[str]:
    return [url for url in attribute(answer, "hx-get") if url.startswith("/searches/")]


def test_a_name_in_a_payload_is_found(desk: Desk) -> None:
    desk.publish(2)
    made = event(2)
    desk.log.append(TOPIC, [NewMessage(payload=b'{"name": "Jan Jansen"}', key="k", properties=made.properties)])
    assert attribute(filtered(desk, '"jan jansen"'), "data-event-id") == ["e-2"]
    assert attribute(filtered(desk, 'data.name~"^Jan"'), "data-event-id") == ["e-2"]


def test_no_match_is_said_and_what_was_read(desk: Desk) -> None:
    desk.publish(3)
    answer = filtered(desk, "type:nothing")
    assert "0 matches Read all 3 events." in text(answer)
    assert attribute(answer, "data-event-id") == []


def test_an_empty_filter_is_none(desk: Desk) -> None:
    desk.publish(2)
    for empty in ("", "   ", "()"):
        answer = filtered(desk, empty)
        assert answer.status_code == (400 if empty == "()" else 200)
    assert attribute(filtered(desk, "  "), "data-event-id") == ["e-1", "e-0"]


def test_oldest_first_and_published_since_are_in_the_address(desk: Desk) -> None:
    desk.publish(3)
    assert attribute(filtered(desk, "type:*", order="oldest"), "data-event-id") == ["e-0", "e-1", "e-2"]
    later = filtered(desk, "type:*", since="2099-01-01T00:00")
    assert attribute(later, "data-event-id") == []
    assert "There is no event to read." in text(later)


def test_a_filter_and_a_wrong_time_search_nothing(desk: Desk) -> None:
    desk.publish(1)
    answer = filtered(desk, "type:*", since="yesterday")
    assert "Give a day and a time" in text(answer)
    assert "Nothing was searched" in text(answer)
    assert attribute(answer, "data-event-id") == []


def test_a_search_that_stopped_at_its_bound_goes_on_from_there(desk: Desk) -> None:
    desk.publish(240)
    begun = filtered(desk, "type:*")
    the_scan(desk).join(60)
    first = filtered(desk, "type:*", search=attribute(begun, "data-search")[0])
    assert "not complete 200 matches Stopped at 200 matches, after 200 of 240 events." in text(first)
    assert "Older events were not read." in text(first)
    [onward] = re.findall(r'href="([^"]+)">Search on from here', first.content.decode())
    rest = desk.get(onward.replace("&amp;", "&"))
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


# -- what goes wrong


def test_an_index_that_is_away_hides_no_match(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)

    def away(*_: object) -> Any:
        raise OperationalError("no such table")

    monkeypatch.setattr(queries, "at_each", away)
    answer = filtered(desk, "type:*")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-2", "e-1", "e-0"]


def test_a_store_that_is_away_is_said_to_be_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)

    def away(*_: object, **__: object) -> Any:
        raise StoreUnreachable("Pulsar does not answer.")

    for name in ("topics", "topic", "ends", "read_backward", "read_forward", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    answer = filtered(desk, "type:*")
    assert answer.status_code == 200
    assert "failed, not complete 0 matches The store broke off after 0 events. Pulsar does not answer." in text(answer)
    assert "The event store does not answer" in text(answer)


@pytest.mark.parametrize(
    "filter",
    [
        "(" * 5_000,
        "not " * 2_000 + "a",
        "a or " * 1_000 + "a",
        "x" * 1_000_000,
        "data.n>" + "9" * 3_000,
        'text~"(a{1000}){1000}"',
        'type~"("',
        "data.n>abc",
        "time>2024-99-99",
        "nofield:x",
        "type:",
        '"open',
        "data." + "a." * 500 + "a:1",
        "type:💊 and",
    ],
)
def test_a_hostile_filter_is_refused_at_once_with_its_text_kept(desk: Desk, filter: str) -> None:
    desk.publish(1)
    answer = filtered(desk, filter)
    assert answer.status_code == 400
    assert "The filter cannot be used" in text(answer)
    assert "Nothing was searched" in text(answer)
    assert attribute(answer, "data-event-id") == []
    assert len(answer.content) < 60_000
    assert gateway.desk().scans._scans == {}


@pytest.mark.parametrize("filter", ['text~"(a+)+$"', 'data.text~"(x*)*y"', 'text~"(.*)(.*)(.*)(.*)z"'])
def test_an_expression_that_hangs_others_ends(desk: Desk, filter: str) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, [*hostile.messages(), NewMessage(payload=b"a" * 50_000 + b"!", key="k")])
    filtered(desk, filter)
    scan = the_scan(desk)
    scan.join(60)
    assert scan.progress().read == len(hostile.messages()) + 1


@pytest.mark.parametrize("onward", ["x", "e30", "%", "WyJvbGRlciIseyIwIjoiLSEhISJ9XQ", "9" * 10_000])
def test_a_damaged_place_to_go_on_from_is_no_fault(desk: Desk, onward: str) -> None:
    desk.publish(1)
    answer = filtered(desk, "type:*", **{"from": onward})
    assert answer.status_code == 200
    assert "failed" in text(answer)


def test_hostile_names_are_text_in_the_matches(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, hostile.messages())
    for filter in ("type:*", '"<script>"', "id:" + '"' + hostile.SCRIPT + '"'):
        answer = filtered(desk, filter)
        body = answer.content.decode()
        assert answer.status_code == 200
        assert "<script>window" not in body
        assert "<img" not in body
        assert attribute(answer, "data-event-id")


# -- who may


@pytest.mark.parametrize("filter", BY_VALUES)
def test_whoever_may_not_see_values_cannot_find_them_out_by_filtering(desk: Desk, filter: str) -> None:
    desk.publish(3)
    assert filtered(desk, filter).status_code == 200
    gateway.desk().scans.close()
    refused = filtered(desk, filter, "viewer")
    assert refused.status_code == 403
    assert "takes the role support, approver or admin" in text(refused)
    assert attribute(refused, "data-event-id") == []
    assert attribute(refused, "data-search") == []
    assert gateway.desk().scans._scans == {}


@pytest.mark.parametrize("filter", BY_IDS)
def test_whoever_may_not_see_values_still_filters_by_ids_types_and_times(desk: Desk, filter: str) -> None:
    desk.publish(3)
    answer = filtered(desk, filter, "viewer")
    assert answer.status_code == 200
    assert "complete" in text(answer)
    assert "Mustermann" not in answer.content.decode()
    assert "/tests" not in text(answer)


def test_matches_are_masked_for_whoever_looks(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config('[stories]\n"*Registered" = "Registered {data.name}"\n', "test.toml")
    desk.publish(1)
    assert "Erika" in filtered(desk, "type:*").content.decode()
    assert "Erika" not in filtered(desk, "type:*", "viewer").content.decode()


def test_a_person_whose_role_was_lowered_gets_no_more_of_a_search(desk: Desk, held: threading.Event) -> None:
    desk.publish(1)
    page = filtered(desk, "Erika")
    person = desk.client().session["_auth_user_id"]
    from dashboard.models import Person, Role

    Person.objects.filter(pk=person).update(role=Role.VIEWER)
    assert desk.get(polls(page)[0], fragment=True).status_code == 404
