"""Where a request came from: no header is believed further than the settings say."""

from typing import Any

import pytest
from django.test import RequestFactory

from dashboard.access.client_address import client_address, network_of

FORGED = "203.0.113.66"


def address(settings: Any, *, proxies: str, forwarded: str | None, tls: bool = False, peer: str = "10.0.0.1") -> str:
    settings.PROXIES, settings.BEHIND_TLS = proxies, tls
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize("proxies", ["", "0"])
def test_without_proxies_the_header_is_not_believed(settings: Any, proxies: str) -> None:
    assert address(settings, proxies=proxies, forwarded=FORGED) == "10.0.0.1"


def test_behind_proxies_that_nobody_counted_the_address_is_not_known(settings: Any) -> None:
    assert address(settings, proxies="", tls=True, forwarded=FORGED) == ""


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        ("1", "198.51.100.7", "198.51.100.7"),
        ("1", f"{FORGED}, 198.51.100.7", "198.51.100.7"),
        ("2", f"{FORGED}, 198.51.100.7,10.0.0.9", "198.51.100.7"),
        ("1", "198.51.100.7:4711", "198.51.100.7"),
        ("1", "[2001:DB8::7]:4711", "2001:db8::7"),
        ("1", "2001:db8::7", "2001:db8::7"),
        ("1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("1", "unknown", ""),
        ("1", None, ""),
        ("2", "198.51.100.7", ""),
    ],
)
def test_behind_proxies_what_they_added_counts(settings: Any, proxies: str, forwarded: str | None, expected: str) -> None:
    assert address(settings, proxies=proxies, tls=True, forwarded=forwarded) == expected


def test_one_clients_ipv6_addresses_are_limited_together() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("198.51.100.7") != network_of("198.51.100.8")


def test_an_ipv4_address_that_is_written_as_ipv6_is_limited_as_what_it_is() -> None:
    assert network_of("::ffff:203.0.113.7") == network_of("203.0.113.7") != network_of("::ffff:203.0.113.8")
