"""The address of Redis, as one environment variable says it."""

import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.hints.address import redis_of
from eventstore.model import InvalidConfiguration
from tests import forked
from tests.desk_template import ROOT, plain_environment


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", {}),
        ("redis://redis", {"host": "redis", "port": 6379, "db": 0}),
        ("redis://127.0.0.1:6380/2", {"host": "127.0.0.1", "port": 6380, "db": 2}),
        ("redis://[::1]:6380/", {"host": "::1", "port": 6380, "db": 0}),
        ("redis://:p%40s%2F1@redis", {"host": "redis", "port": 6379, "db": 0, "password": "p@s/1"}),
        ("rediss://u:p@redis", {"host": "redis", "port": 6379, "db": 0, "username": "u", "password": "p", "ssl": True}),
    ],
)  # fmt: skip
def test_an_address_says_where_as_whom_and_how_encrypted(url: str, expected: dict[str, Any]) -> None:
    assert redis_of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "secret",
        "http://u:secret@redis",
        "unix:///secret.sock",
        "redis://",
        "redis://:secret@",
        "redis://:secret@redis:0",
        "redis://:secret@redis:70000",
        "redis://:sec/ret@redis:6379/0",
        "redis://:secret#1@redis:6379",
        "redis://redis:6379/secret",
        "redis://redis:6379/99999999999999999999",
        "redis://redis:6379/٣",
        "redis://secret@redis",
        "redis://redis/0?ssl_cert_reqs=none",
        "rediss://redis/0?ssl_cert_reqs=none",
        "rediss://redis/0?ssl_ca_certs=/nowhere/there.crt",
        "redis://redis/0?ssl_ca_certs=/etc/hosts",
    ],
)
def test_any_other_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_REDIS") as refused:
        redis_of(url)
    assert "sec" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_file_of_authorities_is_looked_at_when_the_desk_starts(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.touch()
    assert redis_of(f"rediss://redis?ssl_ca_certs={file}") == {
        "host": "redis",
        "port": 6379,
        "db": 0,
        "ssl": True,
        "ssl_ca_certs": str(file),
    }


@pytest.mark.slow
def test_a_wrong_address_stops_the_start_with_one_line_and_without_its_password(tmp_path: Path) -> None:
    environment = {**plain_environment(tmp_path), "EVENTDESK_REDIS": "redis://:sec/ret@redis:6379/0"}
    done = forked.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=environment)
    said = done.stderr.decode()
    assert done.returncode
    assert said.startswith("eventdesk: EVENTDESK_REDIS is not like rediss://user:password@")
    assert len(said.splitlines()) == 1
    assert "ret@" not in said
