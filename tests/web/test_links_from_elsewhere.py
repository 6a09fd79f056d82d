"""Addresses as other systems build them: names percent-encoded, as ``encodeURIComponent`` does it."""

from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.test import AsyncRequestFactory
from django.urls import reverse

from dashboard.web.middleware import DeskMiddleware

NAMES = ("Case 2237", "a/b", "ü", "100%", "x?y#z", "//evil.example.org", " ", "plain")


def asked(raw_path: str, method: str = "GET", query: str = "") -> Any:
    """The answer to a request whose path the server decodes before anybody else sees it; 200 where a page would be asked."""
    request = AsyncRequestFactory().generic(method, raw_path, QUERY_STRING=query)
    request.scope = {**request.scope, "raw_path": raw_path.encode()}
    return DeskMiddleware(lambda request: HttpResponse("page"))(request)


@pytest.mark.parametrize("name", NAMES)
def test_a_percent_encoded_name_leads_to_its_page(name: str) -> None:
    for page in ("aggregate", "subscription"):
        address = reverse(page, args=["ticket", name])
        raw = "/".join(quote(part, safe="") if number == 1 else part for number, part in enumerate(_around(address, name)))
        answer = asked(raw)
        if raw == address:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.headers.get("Location")) == (302, address), raw


def test_the_query_goes_along_and_only_reading_is_led_on() -> None:
    assert asked("/aggregates/ticket/Case%202237/", query="filter=a%20b")["Location"].endswith("/Case~202237/?filter=a%20b")
    assert asked("/aggregates/ticket/Case%202237/", "POST").status_code == 200


@pytest.mark.parametrize(
    "raw", ["/%2Fevil.example.org/%20/", "//evil.example.org/%20/", "/nowhere/%20/", "/aggregates/%FF/x/"]
)
def test_what_is_no_page_is_led_nowhere(raw: str) -> None:
    assert asked(raw).status_code == 200


@pytest.mark.parametrize(
    ("raw", "page", "names"),
    [
        ("/aggregates/org%2Fpermit/", "aggregate_type", ["org/permit"]),
        ("/events/x%2fpayload/", "event", ["x/payload"]),
        ("/topics/x%2Ftail/", "topic", ["x/tail"]),
        ("/topics/x%2Ftail", "topic", ["x/tail"]),
    ],
)
def test_a_slash_within_a_name_makes_no_other_page_of_it(raw: str, page: str, names: list[str]) -> None:
    assert asked(raw).headers.get("Location") == reverse(page, args=names)


def test_an_address_of_ours_that_something_on_the_way_encoded_once_more_stays() -> None:
    assert asked("/aggregates/ticket/Case%7E202237/").status_code == 200


def _around(address: str, name: str) -> tuple[str, str, str]:
    """The parts of the address before, of and behind the name, without their slashes."""
    before, _, rest = address.rstrip("/").rpartition("/")
    assert rest
    return before, name, ""
