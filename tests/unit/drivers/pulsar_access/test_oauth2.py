"""Tokens by client credentials, from a real issuer on loopback."""

import logging
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventstore.drivers.pulsar.access import oauth2 as module
from eventstore.drivers.pulsar.access.oauth2 import IssuedToken, OAuth2Settings
from eventstore.model.errors import NotLetIn, NotTrusted
from tests.certificates import Authority
from tests.issuer import ID, SECRET, Issuer, issuing, key_file


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as one:
        yield one


def client_of(issuer: Issuer, folder: Path, **settings: Any) -> IssuedToken:
    return IssuedToken(OAuth2Settings(issuer_url=issuer.url, key_file=str(key_file(folder)), **settings))


@pytest.mark.parametrize("basic", [False, True])
def test_it_asks_as_the_issuer_wants_it_and_keeps_the_token(issuer: Issuer, tmp_path: Path, basic: bool) -> None:
    issuer.basic = basic
    client = client_of(issuer, tmp_path, audience="urn:pulsar", scope="one two")
    first = client.get()
    assert client.get() == first
    credentials = {"client_id": ID, "client_secret": SECRET}
    asked = {"grant_type": "client_credentials", "audience": "urn:pulsar", "scope": "one two"}
    assert issuer.asked == [asked | credentials]


def test_a_token_is_renewed_before_it_ends_and_serves_while_that_fails(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(issuer, tmp_path)
    monkeypatch.setattr(module, "USED", 0.0)
    first = client.get()
    issuer.away = True
    assert client.get() == first
    issuer.away = False
    while client.get() == first:
        client._failed = None
        time.sleep(0.001)


def test_nobody_waits_for_a_silent_issuer_while_a_token_is_valid(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(issuer, tmp_path)
    monkeypatch.setattr(module, "USED", 0.0)
    first = client.get()
    issuer.pause.clear()
    assert client.get() == first
    while len(issuer.asked) < 2:
        time.sleep(0.001)
    assert [client.get() for _ in range(50)] == [first] * 50
    assert len(issuer.asked) == 2, "one asks at a time"
    assert client._failed is None, "nobody has waited until it was too long"
    issuer.pause.set()
    while client.at_hand() == first:
        time.sleep(0.001)


def test_only_the_token_that_was_refused_is_forgotten(issuer: Issuer, tmp_path: Path) -> None:
    client = client_of(issuer, tmp_path)
    first = client.get()
    client.forget("an older one")
    assert client.get() == first
    client.forget(first)
    assert client.get() != first


@pytest.mark.parametrize(("lasts", "said"), [("3599", ""), ("soon", "gives no token that can be read")])
def test_seconds_that_are_written_as_text_are_seconds(issuer: Issuer, tmp_path: Path, lasts: str, said: str) -> None:
    issuer.lasts = lasts  # type: ignore[assignment]
    client = client_of(issuer, tmp_path)
    if said:
        with pytest.raises(NotLetIn, match=said):
            client.get()
    else:
        assert client.get() == client.get()
        assert client._held is not None
        assert 3500 < client._held.ends_at - time.monotonic() < 3600


def test_many_threads_without_a_token_ask_once(issuer: Issuer, tmp_path: Path) -> None:
    client, found = client_of(issuer, tmp_path), list[str]()
    threads = [threading.Thread(target=lambda: found.append(client.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issuer.asked) == len(set(found)) == 1


def test_a_wrong_secret_is_told_without_it_and_a_right_one_is_taken_at_once(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client = client_of(issuer, tmp_path)
    issuer.secret = "another"
    with caplog.at_level(logging.DEBUG):
        for _ in range(5):
            with pytest.raises(NotLetIn, match=r"does not give Eventdesk one \(401, invalid_client\)") as raised:
                client.get()
            assert SECRET not in str(raised.value)
    assert len(issuer.asked) == 1, "the same key is not offered again and again"
    key_file(tmp_path, "another")
    assert client.get().startswith("token-")
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_an_issuer_that_is_away_or_tells_nothing_is_named(issuer: Issuer, tmp_path: Path) -> None:
    issuer.away = True
    with pytest.raises(NotLetIn, match="PULSAR_OAUTH2_ISSUER_URL tells no address for tokens"):
        client_of(issuer, tmp_path).get()
    gone = IssuedToken(OAuth2Settings(issuer_url="http://127.0.0.1:9", key_file=str(key_file(tmp_path))))
    with pytest.raises(NotLetIn, match=r"issuer of tokens at 127\.0\.0\.1:9 does not answer"):
        gone.get()


@pytest.mark.parametrize("url", ["http://127.0.0.1/token", "ftp://127.0.0.1/token", "https:///token", "//127.0.0.1/x"])
def test_a_secret_is_never_sent_less_safely_than_to_the_issuer(tmp_path: Path, url: str) -> None:
    authority = Authority(tmp_path)
    with issuing(tls=_server_tls(authority)) as issuer:
        issuer.token_url = url
        with pytest.raises(NotLetIn, match="tells no address for tokens"):
            client_of(issuer, tmp_path, trust_certs=str(authority.certificate)).get()


def test_an_issuer_that_proves_who_it_is_is_asked_and_another_one_is_not(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    with issuing(tls=_server_tls(authority)) as issuer:
        assert client_of(issuer, tmp_path, trust_certs=str(authority.certificate)).get()
        with pytest.raises(NotTrusted, match="does not prove that it is the issuer of tokens"):
            client_of(issuer, tmp_path, trust_certs=str(other.certificate)).get()
        assert len(issuer.asked) == 1


def test_no_variable_shows_a_secret_or_a_token(issuer: Issuer, tmp_path: Path) -> None:
    client = client_of(issuer, tmp_path)
    shown = [client.get()[:0], repr(client._held), repr(module._Key("id", SECRET)), repr(module._Granted("token-1"))]
    assert not any(secret in one for one in shown for secret in ("token-1", SECRET))


@pytest.mark.parametrize("content", ["", "[]", '{"client_id": "x"}', "{", '{"client_id": 1, "client_secret": "s"}'])
def test_a_key_file_that_is_none_is_named(issuer: Issuer, tmp_path: Path, content: str) -> None:
    client = client_of(issuer, tmp_path)
    key_file(tmp_path).write_text(content)
    with pytest.raises(NotLetIn, match="PULSAR_OAUTH2_KEY_FILE"):
        client.get()


def _server_tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("issuer", "issuer", address="127.0.0.1"))
    return context
