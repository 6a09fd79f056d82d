"""Hints by a Redis with TLS and with a user of its own: its certificate is checked, and the documented rights suffice."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.hints import carrier
from dashboard.hints.standing import Standing
from scripts.local_redis import LocalRedis
from scripts.ports import free_port
from tests.certificates import Authority
from tests.desk_template import ROOT
from tests.fault.redis_hints import two, wait

ACL = re.compile(r"^ACL SETUSER eventdesk on ><password> (.+)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "PROBE_EVERY", 0.1)
    monkeypatch.setattr(carrier, "AGAIN_AFTER", 0.1)


def test_a_user_with_the_rights_of_the_documents_is_enough_and_may_not_read(redis_server: LocalRedis) -> None:
    found = ACL.search((ROOT / "docs/production.md").read_text())
    assert found
    assert redis_server.ask(f"ACL SETUSER eventdesk on >one-secret {found[1]}") == "+OK"
    url = f"redis://eventdesk:one-secret@127.0.0.1:{redis_server.port}/1"
    with two(url) as both:
        wait(lambda: both.stand(Standing.OK))
        both.hint_comes()
    assert redis_server.ask("ACL DRYRUN eventdesk GET x").startswith("$")  # the reason of a refusal
    assert redis_server.ask("ACL DRYRUN eventdesk PUBLISH another x").startswith("$")


@pytest.fixture
def tls(redis_server: LocalRedis, tmp_path: Path) -> Iterator[tuple[Authority, LocalRedis]]:
    """A Redis that answers with TLS alone, for 127.0.0.1."""
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue("redis", "redis", address="127.0.0.1")
    files = (f"tls-cert-file {certificate}", f"tls-key-file {key}", f"tls-ca-cert-file {authority.certificate}")
    port = free_port()
    assert redis_server.ask(f"CONFIG SET {' '.join(files)} tls-auth-clients no tls-port {port}") == "+OK"
    redis_server.tls_port = port
    yield authority, redis_server


def test_its_certificate_is_checked_and_that_it_is_of_this_host(
    tls: tuple[Authority, LocalRedis], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, server = tls
    url = f"rediss://:{server.password}@{{}}:{server.tls_port}/0?ssl_ca_certs={{}}"
    with two(url.format("127.0.0.1", authority.certificate)) as both:
        wait(lambda: both.stand(Standing.OK))
        both.hint_comes()
    stranger = Authority(tmp_path / "other", "Another authority").certificate
    for host, file in (("127.0.0.1", stranger), ("localhost", authority.certificate)):
        with two(url.format(host, file)) as both:
            wait(lambda: both.stand(Standing.NO_ANSWER))
    assert server.password not in caplog.text
