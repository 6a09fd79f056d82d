"""Which Origins may open a websocket: that of the address in the browser, and none of other programs on the same host."""

from typing import Any

import pytest

from dashboard.sockets.origin_check import is_trusted

BEHIND_TLS = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.fixture(autouse=True)
def installed(settings: Any) -> Any:
    settings.ALLOWED_HOSTS = ["desk.example.org", "[::1]"]
    settings.SECURE_PROXY_SSL_HEADER = BEHIND_TLS
    settings.CSRF_TRUSTED_ORIGINS = []
    return settings


def trusted(*origins: str, host: str = "desk.example.org", proto: str | None = "https", **scope: Any) -> bool:
    """Whether a handshake with these Origin headers is trusted."""
    headers = [(b"host", host.encode()), *((b"origin", origin.encode("latin-1")) for origin in origins)]
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    return is_trusted({"type": "websocket", "path": "/tail/live/", "headers": headers, "server": ["127.0.0.1", 8000], **scope})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://desk.example.org", "desk.example.org"),
        ("https://desk.example.org", "DESK.example.ORG"),
        ("HTTPS://Desk.Example.org", "desk.example.org"),
        ("https://desk.example.org", "desk.example.org:443"),
        ("https://desk.example.org:443", "desk.example.org"),
        ("https://desk.example.org:8443", "desk.example.org:8443"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_a_page_of_the_very_address_is_trusted(origin: str, host: str) -> None:
    assert trusted(origin, host=host)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://desk.example.org:8443",
        "http://desk.example.org",
        "http://desk.example.org:443",
        "wss://desk.example.org",
        "ftp://desk.example.org",
        "https://other.desk.example.org",
        "https://desk.example.org.evil.example",
        "https://desk.example.org/path",
        "https://desk.example.org@evil.example",
        "https://evil@desk.example.org",
        "https://desk.example.org:none",
        "https://[desk.example.org",
        "//desk.example.org",
        "desk.example.org",
        "https://d\u00e9sk.example.org",
    ],
)
def test_whatever_differs_in_scheme_host_or_port_is_not(origin: str) -> None:
    assert not trusted(origin)


def test_two_origins_are_none() -> None:
    assert not trusted()
    assert not trusted("https://desk.example.org", "https://desk.example.org")


def test_a_host_that_is_not_this_installations_is_refused_though_the_origin_names_it_too() -> None:
    assert not trusted("https://evil.example", host="evil.example")


@pytest.mark.parametrize("proto", ["https", "wss", "WSS", "https, http"])
def test_a_proxy_says_that_it_ends_tls_by_either_name(proto: str) -> None:
    assert trusted("https://desk.example.org", proto=proto)
    assert not trusted("http://desk.example.org", proto=proto)


def test_without_tls_the_address_is_as_it_was_asked_for(installed: Any) -> None:
    installed.SECURE_PROXY_SSL_HEADER = None
    assert trusted("http://desk.example.org", proto=None)
    assert trusted("http://desk.example.org", proto="https")  # nobody who may say so does
    assert not trusted("https://desk.example.org", proto="https")
    assert trusted("https://desk.example.org", proto=None, scheme="wss")


def test_the_origins_that_forms_are_taken_from_are_trusted(installed: Any) -> None:
    installed.CSRF_TRUSTED_ORIGINS = ["https://support.example.org:8443", "https://*.teams.example.org"]
    assert trusted("https://support.example.org:8443")
    assert trusted("https://a.teams.example.org")
    for other in ("https://support.example.org", "http://support.example.org:8443", "http://a.teams.example.org"):
        assert not trusted(other)
    assert not trusted("https://a.teams.example.org:8443")
    assert not trusted("https://ateams.example.org")
