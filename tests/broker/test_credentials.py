"""Who Eventdesk is to a real broker: tokens, certificates, tokens of an issuer; what ends, is renewed, or is wrong."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from eventstore.drivers.pulsar.access.credentials import AccessSettings
from eventstore.drivers.pulsar.access.oauth2 import OAuth2Settings
from eventstore.drivers.pulsar.access.tls import TlsFiles
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import NotLetIn, NotPermitted, NotTrusted
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge, Reader
from eventstore.model.storage import Storage
from tests.certificates import Authority, replace
from tests.contract.helpers import payloads
from tests.issuer import Issuer, issuing, key_file
from tests.parts import subscriptions_of
from tests.secured import Secured, settles

pytestmark = pytest.mark.broker

ENDED = timedelta(seconds=-5)


class Identity:
    """One way to come to the broker, as a role of its own that may publish and consume."""

    def __init__(self, secured: Secured, folder: Path, way: str) -> None:
        self.secured, self.folder, self.way = secured, folder, way
        self.role, self.namespace = f"{way}-{uuid4().hex[:8]}", secured.namespace()
        self.topic = secured.topic(self.namespace)
        secured.grant(self.namespace, self.role, ["produce", "consume"])
        self.renew()

    def renew(self, *, ended: bool = False) -> None:
        """Put new credentials in place of the old ones."""
        if self.way == "certificate":
            # the authority writes into its own folder
            self.files = self.secured.authority.issue(self.role, self.role, ends_in=ENDED if ended else timedelta(days=1))
        else:
            self.secured.write_token(self.folder / "token", self.role, lasts=-5 if ended else 600)

    def open(self) -> PulsarStorage:
        if self.way == "certificate":
            return self.secured.with_certificate(self.files, self.namespace)
        return self.secured.with_token(self.folder / "token", self.namespace)


@pytest.fixture(params=["token", "certificate"])
def identity(secured: Secured, tmp_path: Path, request: pytest.FixtureRequest) -> Identity:
    return Identity(secured, tmp_path, request.param)


@pytest.fixture
def storage(identity: Identity) -> Iterator[PulsarStorage]:
    one = identity.open()
    yield one
    one.close()


def numbered(first: int, count: int) -> list[NewMessage]:
    return [NewMessage(payload=str(number).encode(), key="k") for number in range(first, first + count)]


def read_again(reader: Reader, count: int) -> list[bytes]:
    """Read so many, whatever the reader says before it is let in again."""
    found: list[bytes] = []

    def have_come() -> bool:
        found.extend(payloads(reader.read(limit=9, timeout=0.5)))
        return len(found) >= count

    assert settles(have_come)
    return found


def test_an_identity_with_rights_reads_follows_publishes_and_moves_cursors(storage: Storage, identity: Identity) -> None:
    topic = identity.topic
    assert [one.name for one in storage.log.topics()] == [topic]
    storage.log.append(topic, numbered(0, 3))
    assert payloads(storage.log.read_forward(topic, 0, limit=10)) == [b"0", b"1", b"2"]
    with storage.log.open_reader(topic, 0, after=Edge.EARLIEST) as reader:
        assert len(reader.read(limit=3, timeout=20)) == 3
    subscriptions = subscriptions_of(storage)
    subscriptions.reset_cursor(topic, "mailer", {0: Edge.LATEST})
    assert [one.name for one in subscriptions.of_topic(topic)] == ["mailer"]


def test_what_has_ended_is_told_and_works_again_when_its_file_changes(identity: Identity) -> None:
    """On both endpoints, and nothing is lost or doubled for who follows a topic."""
    storage, topic = identity.open(), identity.topic
    storage.log.append(topic, numbered(0, 2))
    reader = storage.log.open_reader(topic, 0, after=Edge.EARLIEST)
    assert len(reader.read(limit=2, timeout=20)) == 2
    identity.renew(ended=True)
    fresh = identity.open()
    for ask in (fresh.log.topics, lambda: fresh.log.append(topic, numbered(9, 1)), fresh.log.ping):
        with pytest.raises(NotLetIn, match=rf"the {identity.way} \({identity.role}\) ended on 20"):
            ask()
    identity.renew()
    assert [one.name for one in fresh.log.topics()] == [topic], "at once: the file has changed"
    fresh.log.append(topic, numbered(2, 2))
    assert read_again(reader, 2) == [b"2", b"3"]
    for one in (storage, fresh):
        one.close()


def test_a_reader_whose_token_ends_under_it_goes_on_with_the_next_one(secured: Secured, tmp_path: Path) -> None:
    identity = Identity(secured, tmp_path, "token")
    secured.write_token(tmp_path / "token", identity.role, lasts=2)
    storage = identity.open()
    storage.log.append(identity.topic, numbered(0, 1))
    reader = storage.log.open_reader(identity.topic, 0, after=Edge.EARLIEST)
    assert len(reader.read(limit=1, timeout=20)) == 1
    with pytest.raises(NotLetIn, match="ended on"):
        for _ in range(200):
            reader.read(limit=1, timeout=0.2)
    identity.renew()
    storage.log.append(identity.topic, numbered(1, 1))
    assert read_again(reader, 1) == [b"1"]
    storage.close()


def test_credentials_that_are_wrong_are_told_and_not_offered_again_and_again(secured: Secured, tmp_path: Path) -> None:
    namespace = secured.namespace()
    replace(tmp_path / "token", secured.broker.token("x")[:-8].encode() + b"AAAAAAAA")
    storage = secured.with_token(tmp_path / "token", namespace)
    began = time.monotonic()
    for _ in range(500):
        with pytest.raises(NotLetIn, match=r"does not accept the token \(x\). Check PULSAR_TOKEN_FILE"):
            storage.log.topics()
    assert storage._cluster.admin._http._credentials._pause > 0.5 or time.monotonic() - began < 0.5
    storage.close()


def test_a_certificate_of_another_authority_is_refused_on_both_endpoints(secured: Secured, tmp_path: Path) -> None:
    identity = Identity(secured, tmp_path, "certificate")
    files = Authority(tmp_path / "other").issue("desk", identity.role)
    for ask in _each_endpoint(secured.with_certificate(files, identity.namespace), identity.topic):
        with pytest.raises(NotLetIn, match=rf"does not accept the certificate \({identity.role}\)"):
            ask()


@pytest.mark.parametrize("wrong", ["host name", "authority"])
def test_a_broker_that_is_not_the_one_meant_is_refused_on_both_endpoints(secured: Secured, tmp_path: Path, wrong: str) -> None:
    """The certificate is for 127.0.0.1. Nothing is sent to another name that leads there."""
    namespace, topic = secured.namespace(), "x"
    trust = secured.trust if wrong == "host name" else str(Authority(tmp_path / "other").certificate)
    access = AccessSettings(token_file=str(secured.write_token(tmp_path / "token", "admin")), tls=TlsFiles(trust_certs=trust))
    storage = secured.open(access, namespace, host="localhost" if wrong == "host name" else "127.0.0.1")
    said = "Hostname mismatch" if wrong == "host name" else "does not prove that it is the broker"
    for ask in _each_endpoint(storage, topic):
        with pytest.raises(NotTrusted, match=said):
            ask()


def test_tokens_of_an_issuer_open_both_endpoints_and_a_refusing_issuer_is_named(secured: Secured, tmp_path: Path) -> None:
    identity = Identity(secured, tmp_path, "token")

    def token(form: dict[str, str]) -> str:
        return secured.broker.token(identity.role, ends=time.time() + 4)  # in whole seconds

    with issuing(token) as issuer:
        issuer.lasts = 3
        issuer.secret = "another"
        settings = OAuth2Settings(issuer_url=issuer.url, key_file=str(key_file(tmp_path)), audience="urn:pulsar")
        access = AccessSettings(oauth2=settings, tls=TlsFiles(trust_certs=secured.trust))
        storage = secured.open(access, identity.namespace)
        with pytest.raises(NotLetIn, match="issuer of tokens does not give Eventdesk one"):
            storage.log.topics()
        key_file(tmp_path, "another")
        _lives_on(storage, identity, issuer)


def _lives_on(storage: PulsarStorage, identity: Identity, issuer: Issuer) -> None:
    """Publish and read for longer than a token lasts."""
    until, number = time.monotonic() + 7, 0
    with storage.log.open_reader(identity.topic, 0, after=Edge.EARLIEST) as reader:
        found: list[bytes] = []
        while time.monotonic() < until:
            storage.log.append(identity.topic, numbered(number, 1))
            number += 1
            found += payloads(reader.read(limit=9, timeout=0.3))
            time.sleep(0.1)
        while len(found) < number:
            found += payloads(reader.read(limit=9, timeout=1))
    assert found == [str(each).encode() for each in range(number)]
    assert 2 < len(issuer.asked) < 12
    storage.close()


def test_a_token_that_has_ended_is_not_replaced_by_the_name_of_the_certificate(secured: Secured, tmp_path: Path) -> None:
    """The broker takes either. Whose certificate it is must not decide what the desk may do as soon as its token ends."""
    identity = Identity(secured, tmp_path, "token")
    identity.renew(ended=True)
    certificate, key = secured.authority.issue("of-the-connection", "admin")
    tls = TlsFiles(trust_certs=secured.trust, certificate=str(certificate), key=str(key))
    access = AccessSettings(token_file=str(tmp_path / "token"), tls=tls)
    for ask in _each_endpoint(secured.open(access, identity.namespace), identity.topic):
        with pytest.raises(NotLetIn, match="ended on"):
            ask()
    identity.renew()
    storage = secured.open(access, identity.namespace)
    assert [one.name for one in storage.log.topics()] == [identity.topic]
    storage.close()


def test_a_stranger_is_let_in_and_told_what_is_missing(secured: Secured, tmp_path: Path) -> None:
    namespace = secured.namespace()
    files = secured.authority.issue("stranger", "stranger")
    storage = secured.with_certificate(files, namespace)
    assert "Pulsar" in storage.log.ping()
    with pytest.raises(NotPermitted, match=rf"Eventdesk \(stranger\) list the topics of {namespace}: it needs"):
        storage.log.topics()
    storage.close()


def _each_endpoint(storage: PulsarStorage, topic: str) -> Iterator[Callable[[], object]]:
    """The admin API by itself, and the binary protocol by itself."""
    yield storage._cluster.admin.version
    storage._cluster.connection._credentials.accepted()  # what the one has found out must not spare the other the question
    client = storage._cluster.connection

    def binary() -> None:
        with client.errors():
            client.client().get_topic_partitions(f"persistent://{topic}" if "/" in topic else topic)

    yield binary
    storage.close()
