"""What becomes of credentials that the broker refuses: what is said, who asks again, and when."""

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from eventstore.drivers.pulsar.access import credentials as module
from eventstore.drivers.pulsar.access.credentials import AccessSettings, Credentials
from eventstore.drivers.pulsar.access.jwt import claims_of, end_of, holder_of
from eventstore.drivers.pulsar.access.oauth2 import OAuth2Settings
from eventstore.drivers.pulsar.access.tls import TlsFiles
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import NotLetIn, StoreUnreachable
from scripts.pulsar_configuration import token_of
from tests.broker.test_upstream_paths import Recorder
from tests.certificates import Authority, replace
from tests.issuer import issuing, key_file

SECRET = b"k" * 32


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(module, name, 1e6)


def with_token(path: Path, token: str) -> Credentials:
    path.write_text(token)
    return Credentials(AccessSettings(token_file=str(path)))


def test_what_is_refused_is_not_offered_again_until_its_file_changes(tmp_path: Path, long_pauses: None) -> None:
    one = with_token(tmp_path / "token", token_of(SECRET, "desk"))
    one.check()
    said = str(one.refused("broker:1"))
    for _ in range(3):
        with pytest.raises(NotLetIn) as raised:
            one.check()
        assert str(raised.value) == said, "in the same words each time: a log tells them once"
    replace(tmp_path / "token", token_of(SECRET, "desk", ends=time.time() + 60).encode())
    one.check()


def test_one_call_at_a_time_tries_again_and_its_success_lets_all_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)
    one = with_token(tmp_path / "token", "t")
    one.refused("broker:1")
    one._pause = 1e6
    one.check()
    with pytest.raises(NotLetIn):
        one.check()
    one.accepted()
    one.check()


def test_the_pauses_grow_to_a_quarter_of_a_minute(tmp_path: Path) -> None:
    one, pauses = with_token(tmp_path / "token", "t"), []
    for _ in range(8):
        pauses.append(one._pause)
        one.refused("broker:1")
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: Credentials(), "it asks for a token or a certificate. Give one with PULSAR_TOKEN_FILE"),
        (lambda path: Credentials(AccessSettings(token="x")), "does not accept the token. Check PULSAR_TOKEN, with a restart"),
        (lambda path: with_token(path, "x.y.z"), "does not accept the token. Check PULSAR_TOKEN_FILE"),
        (lambda path: with_token(path, token_of(SECRET, "desk")), r"does not accept the token \(desk\). Check"),
        (
            lambda path: with_token(path, token_of(SECRET, "desk", ends=86400)),
            r"the token \(desk\) ended on 1970-01-02 at 00:00:00 UTC. Put a new one in place: PULSAR_TOKEN_FILE",
        ),
    ],
)
def test_a_refusal_says_what_is_refused_and_where_it_comes_from(
    tmp_path: Path, make: Callable[[Path], Credentials], said: str
) -> None:
    with pytest.raises(NotLetIn, match=rf"The broker at b:1 does not let Eventdesk in: .*{said}"):
        raise make(tmp_path / "token").refused("b:1")


def test_a_certificate_that_has_ended_is_told_with_its_name(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("desk", "support-desk", ends_in=timedelta(seconds=-5))
    one = Credentials(AccessSettings(tls=TlsFiles(certificate=str(certificate), key=str(key))))
    assert one.holder() == " (support-desk)"
    assert "the certificate (support-desk) ended on" in str(one.ended("b:1"))


def test_credentials_that_last_have_not_ended(tmp_path: Path) -> None:
    assert with_token(tmp_path / "token", token_of(SECRET, "desk", ends=time.time() + 60)).ended("b:1") is None
    assert with_token(tmp_path / "token", "opaque").ended("b:1") is None
    assert Credentials().ended("b:1") is None


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "a.!!.c", "a.e30.c", "a.bnVsbA.c", "a.WzFd.c", "a.eyJzdWIiOjF9.c", "a.\u00e9.c"]
)
def test_what_is_no_token_of_the_kind_says_nothing(token: str) -> None:
    assert (holder_of(token), end_of(token)) == ("", None)


@pytest.mark.parametrize("name", ["a\nb", "x" * 101, "\u202e"])
def test_a_name_that_is_none_is_not_shown(name: str) -> None:
    token = token_of(SECRET, name)
    assert claims_of(token).sub == name
    assert holder_of(token) == ""


@pytest.mark.parametrize("ends", [1e18, -1e18])
def test_an_end_that_is_no_time_is_none(ends: float) -> None:
    assert end_of(token_of(SECRET, "x", ends=ends)) is None


def test_many_threads_read_one_file(tmp_path: Path) -> None:
    one, seen = with_token(tmp_path / "token", "0"), set[str]()

    def read() -> None:
        for _ in range(300):
            seen.add(one.token())

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 50):
        replace(tmp_path / "token", str(number).encode())
    for thread in threads:
        thread.join()
    assert one.token() == "49"
    assert seen <= {str(number) for number in range(50)}


@pytest.mark.parametrize("status", [200, 307, 404])
@pytest.mark.parametrize("quick", [True, False])
def test_an_answer_to_either_client_of_the_admin_api_lets_all_go_on(quick: bool, status: int) -> None:
    """Also a redirection to the broker that has the topic, which is the usual answer of a cluster, and that of a topic that is
    gone: whoever has the turn sees it through."""
    with Recorder() as server, Recorder() as sister:
        for one_server in (server, sister):
            threading.Thread(target=one_server.serve_forever, args=(0.01,), daemon=True).start()
        server.answer = (status, {"location": f"{sister.url}/admin/v2/x"}, b"{}")
        one = Credentials(AccessSettings(token="t"))
        admin = AdminHttp(url=server.url, credentials=one)
        one._pause = 0.0
        one.refused("b:1")
        one._pause = 1e6
        with pytest.raises(LookupError) if status == 404 else nullcontext():
            if quick:
                admin.get_json("x", query={}, missing=LookupError())
            else:
                admin.send("GET", "x", missing=LookupError())
        one.check()
        server.answer = (503, {}, b"<html>")
        one._refusal = (NotLetIn("no"), one._stamp(), 0.0)
        with pytest.raises(StoreUnreachable):
            admin.send("GET", "x")
        assert one.in_doubt, "a proxy's word is not the broker's"
        server.answer = (401, {}, b"<html>")
        with pytest.raises(NotLetIn):
            admin.send("GET", "x")
        admin.close()
        server.shutdown()
        sister.shutdown()


def test_a_file_that_changes_while_the_broker_refuses_the_old_one_is_offered_at_once(
    tmp_path: Path, long_pauses: None
) -> None:
    one = with_token(tmp_path / "token", "old")
    offered = one.offer()
    replace(tmp_path / "token", b"good")
    one.refused("broker:1", offered)
    one.check()
    assert one.token() == "good"


def test_a_refused_token_of_an_issuer_is_judged_by_itself_and_the_next_one_is_kept(tmp_path: Path) -> None:
    ends = [1.0, time.time() + 600]
    with issuing(lambda form: token_of(SECRET, "desk", ends=ends.pop(0))) as issuer:
        settings = OAuth2Settings(issuer_url=issuer.url, key_file=str(key_file(tmp_path)))
        one = Credentials(AccessSettings(oauth2=settings))
        offered = one.offer()
        assert "the token (desk) ended on 1970-01-01 at 00:00:01 UTC. The next one is asked for." in str(
            one.refused("broker:1", offered)
        )
        assert len(issuer.asked) == 1, "to say so, nobody is asked"
        good = one.token()
        one.refused("broker:1", offered)  # one of those that had offered it too
        assert one.token() == good


def test_a_request_in_flight_outlives_several_changes_of_files() -> None:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        admin = AdminHttp(url=server.url, credentials=Credentials(AccessSettings(token="t")))
        client = admin._open_client()
        with admin._lock:
            for _ in range(3):
                admin._replace(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        assert client.get(server.url).status_code == 200
        admin.close()
        assert client.is_closed
        server.shutdown()


def test_a_refusal_that_the_caller_knows_is_no_sign_of_being_let_in() -> None:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        one = Credentials(AccessSettings(token="t"))
        admin = AdminHttp(url=server.url, credentials=one)
        server.answer = (401, {}, b"<html>")
        one.refused("b:1")
        one._refusal = (NotLetIn("no"), one._stamp(), 0.0)
        assert admin.send("GET", "x", known=(401,)).status_code == 401
        with pytest.raises(NotLetIn):
            one.check()
        admin.close()
        server.shutdown()
