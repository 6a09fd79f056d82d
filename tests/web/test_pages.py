"""Every error becomes a page that says what is wrong and what to do, and no more."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client, RequestFactory

from dashboard.rendering.url_segments import segment
from dashboard.web.middleware import DeskMiddleware
from dashboard.web.pages import server_error
from dashboard.web.problems import not_allowed, problem_of
from eventstore.config.loading import parse_config
from eventstore.model.errors import (
    EventStoreError,
    InvalidName,
    InvalidPosition,
    NotAllowed,
    NotSupported,
    StalePlan,
    StoreClosed,
    StoreRefused,
    StoreUnreachable,
    UnknownEvent,
    UnknownSubscription,
)
from eventstore.model.events import NewMessage
from tests.web.desk import Desk, attribute, opened_desk, text

STATUS = [
    (NotAllowed, 403),
    (NotSupported, 404),
    (UnknownEvent, 404),
    (UnknownSubscription, 404),
    (InvalidPosition, 400),
    (InvalidName, 400),
    (StalePlan, 409),
    (StoreUnreachable, 503),
    (StoreRefused, 502),
    (StoreClosed, 502),
    (EventStoreError, 502),
]


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


@pytest.mark.parametrize(("error", "status"), STATUS)
def test_each_error_of_the_store_has_its_status_and_keeps_its_sentence(error: type[EventStoreError], status: int) -> None:
    problem = problem_of(error("What was wrong, and what to do."))
    assert problem.status == status
    assert problem.text == "What was wrong, and what to do."
    assert problem.title


def test_an_unknown_topic_speaks_to_who_reads_the_page_and_leads_to_the_list(desk: Desk) -> None:
    answer = desk.get("/topics/no-such-topic/")
    assert answer.status_code == 404
    assert "create it first" not in text(answer)
    assert '<a class="button button-main" href="/topics/">All topics</a>' in answer.content.decode()


def test_only_a_store_that_is_away_is_tried_again_by_the_page_itself() -> None:
    assert [error for error, _ in STATUS if problem_of(error("")).again] == [StoreUnreachable]


def test_other_errors_are_left_to_djangos_own_handling() -> None:
    middleware = DeskMiddleware(server_error)
    assert middleware.process_exception(RequestFactory().get("/"), ValueError("a value of somebody")) is None


def test_a_fault_of_our_own_is_said_without_its_details_and_without_a_database() -> None:
    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Something went wrong in Eventdesk" in text(answer)


def test_what_a_role_may_not_names_the_roles_that_could() -> None:
    assert "Requires role support, approver or admin." in not_allowed("reset_cursor").advice
    assert "Requires role admin." in not_allowed("publish").advice


def test_an_error_in_a_fragment_is_a_fragment(desk: Desk) -> None:
    whole, fragment = desk.get("/topics/nowhere/"), desk.get("/topics/nowhere/", fragment=True)
    assert whole.status_code == fragment.status_code == 404
    assert "<html" in whole.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "No such topic" in text(fragment)


def test_a_form_from_elsewhere_is_refused_with_a_page_of_ours(desk: Desk) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "This form is too old, or not from here" in text(answer)
    assert "X-Forwarded-Proto" in text(answer)


def test_behind_a_proxy_a_form_is_taken_where_the_documented_headers_come_along(desk: Desk, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/login/").cookies[settings.CSRF_COOKIE_NAME].value
    form = {"username": "x", "password": "y", "csrfmiddlewaretoken": token}
    sent = {"Origin": "https://localhost", "Host": "localhost"}
    assert browser.post("/login/", form, headers=sent).status_code == 403
    assert browser.post("/login/", form, headers={**sent, "X-Forwarded-Proto": "https"}).status_code == 200


def test_a_host_that_is_not_ours_gets_nothing(desk: Desk) -> None:
    assert Client().get("/login/", headers={"Host": "evil.example"}).status_code == 400


def test_the_place_one_is_at_is_marked(desk: Desk) -> None:
    desk.publish(1)
    assert 'href="/topics/" aria-current="page"' in desk.get("/topics/").content.decode()
    assert 'href="/topics/" aria-current="true"' in desk.get("/topics/patients/").content.decode()
    assert desk.get("/topics/").content.decode().count("aria-current") == 1


def test_an_event_without_an_aggregate_is_found_among_the_topics(desk: Desk) -> None:
    desk.publish(1)
    [position] = desk.log.append("patients", [NewMessage(payload=b"no envelope", properties={"ce_id": "lost"})])
    url = f"/events/{segment(position.encode())}/?at={quote(position.encode())}"
    assert 'href="/topics/" aria-current="true"' in desk.get(url).content.decode()
    assert 'href="/aggregates/" aria-current="true"' in desk.get("/events/e-0/").content.decode()


def test_the_installation_is_named_beside_its_kind(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config('[installation]\nname = "Practice north"\nkind = "STAGING"\n', "named.toml")
    answer = desk.get("/topics/").content.decode()
    assert re.search(r'class="kind"[^>]*>STAGING <bdi class="kind-name">Practice north</bdi>', answer)


def test_only_who_may_read_the_audit_record_is_shown_the_way_to_it(desk: Desk) -> None:
    assert 'href="/audit/"' in desk.get("/topics/").content.decode()
    assert 'href="/audit/"' not in desk.get("/topics/", "viewer").content.decode()


@pytest.mark.parametrize("list_of_events", ["/topics/patients/", "/aggregates/patient/4711/"])
def test_an_address_from_an_old_ticket_that_calls_its_page_a_cursor_still_leads_there(
    desk: Desk, settings: Any, list_of_events: str
) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 2\n", "test.toml")
    desk.publish(5)
    first = desk.get(list_of_events)
    (older,) = (link for link in attribute(first, "href") if link.startswith("?page="))
    assert attribute(desk.get(list_of_events + older), "data-event-id")[:2] == ["e-2", "e-1"]
    old = older.replace("?page=", "?cursor=")
    assert attribute(desk.get(list_of_events + old), "data-event-id")[:2] == ["e-2", "e-1"]
