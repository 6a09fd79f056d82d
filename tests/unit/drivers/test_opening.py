"""Addresses of stores: usable ones are opened without any contact, others are refused in one sentence."""

import pytest

from eventstore.drivers.opening import open_storage
from eventstore.model.errors import InvalidConfiguration

BROKER, ADMIN = "pulsar://127.0.0.1:6650", "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("url", "admin_url", "namespaces"),
    [
        ("database://", "", ""),
        (BROKER, ADMIN, "public/default"),
        ("pulsar+ssl://a.example:6651,b.example:6651", "https://a.example:8443/", "shop/*, shop/orders-[ab]"),
        ("pulsar://[::1]:6650", "http://[::1]:8080", "public/default,"),
        (BROKER, "https://adm:s3cret@127.0.0.1:8443", "public/default"),
    ],
)
def test_what_can_be_used_is_opened(url: str, admin_url: str, namespaces: str) -> None:
    open_storage(url, admin_url=admin_url, namespaces=namespaces).close()


@pytest.mark.parametrize(
    ("url", "admin_url", "namespaces", "said"),
    [
        ("kafka://127.0.0.1:9092", ADMIN, "public/default", "EVENTSTORE_URL must begin with"),
        ("127.0.0.1:6650", ADMIN, "public/default", "EVENTSTORE_URL must begin with"),
        ("pulsar://", ADMIN, "public/default", "EVENTSTORE_URL names no broker"),
        ("pulsar+ssl://u:p@127.0.0.1:6651", ADMIN, "public/default", "EVENTSTORE_URL holds a user name"),
        ("pulsar://a:6650,u:p@b:6650", ADMIN, "public/default", "EVENTSTORE_URL holds a user name"),
        ("pulsar://[::1", ADMIN, "public/default", "EVENTSTORE_URL is not an address"),
        (BROKER, "", "public/default", "PULSAR_ADMIN_URL is missing"),
        (BROKER, "127.0.0.1:8080", "public/default", "PULSAR_ADMIN_URL must begin with http"),
        (BROKER, "http://", "public/default", "PULSAR_ADMIN_URL must begin with http"),
        (BROKER, "http://[::1", "public/default", "PULSAR_ADMIN_URL is not an address"),
        (BROKER, ADMIN, "", "EVENTSTORE_NAMESPACES takes"),
        (BROKER, ADMIN, " , ", "EVENTSTORE_NAMESPACES takes"),
        (BROKER, ADMIN, "public", "EVENTSTORE_NAMESPACES takes"),
        (BROKER, ADMIN, "public/default/documents", "EVENTSTORE_NAMESPACES takes"),
        (BROKER, ADMIN, "public/default,/x", "EVENTSTORE_NAMESPACES takes"),
    ],
)
def test_what_cannot_be_used_is_refused(url: str, admin_url: str, namespaces: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        open_storage(url, admin_url=admin_url, namespaces=namespaces)


def test_a_token_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSAR_TOKEN_FILE", "/nowhere/token")
    with pytest.raises(InvalidConfiguration, match="PULSAR_TOKEN_FILE cannot be read"):
        open_storage(BROKER, admin_url=ADMIN)
