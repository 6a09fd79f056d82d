"""Fetching and configuring the local broker, as far as it goes without one."""

import io
import socket
import tarfile
import threading
from pathlib import Path

import pytest

from scripts import pulsar_distribution
from scripts.local_pulsar import LocalPulsar, configured
from scripts.ports import free_ports, port_is_free
from scripts.pulsar_distribution import BrokerProblem, distribution, missing_programs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "eventdesk"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of Maven: a small archive of the same shape. The value says how often it was asked for."""
    asked: list[Path] = []

    def fetch(folder: Path) -> Path:
        asked.append(folder)
        archive = folder / "pulsar.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for name in ("apache-pulsar/bin/pulsar", "apache-pulsar/conf/standalone.conf", "apache-pulsar/examples/big.jar"):
                tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        return archive

    monkeypatch.setattr(pulsar_distribution, "fetch", fetch)
    monkeypatch.setattr(pulsar_distribution, "missing_programs", list)
    return asked


def test_it_is_fetched_once_and_kept_without_the_archive_and_the_examples(cache: Path, fetched: list[Path]) -> None:
    said: list[str] = []
    home = distribution(said.append)
    assert distribution(said.append) == home == cache / f"pulsar-{pulsar_distribution.VERSION}"
    assert (len(fetched), len(said)) == (1, 1)
    assert sorted(path.name for path in home.iterdir()) == ["bin", "conf"]
    assert sorted(path.name for path in cache.iterdir()) == [home.name, "pulsar.lock"]


def test_what_a_killed_start_left_is_cleared_away(cache: Path, fetched: list[Path]) -> None:
    half = cache / f"{pulsar_distribution.UNPACKING}abc" / "apache-pulsar"
    half.mkdir(parents=True)
    assert (distribution(lambda text: None) / "bin").is_dir()
    assert not half.exists()


def test_two_that_start_together_fetch_once(cache: Path, fetched: list[Path]) -> None:
    threads = [threading.Thread(target=distribution, args=(lambda text: None,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(fetched) == 1


def test_what_is_missing_is_named_with_how_to_install_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java, maven = missing_programs()
    assert "openjdk-17" in java
    assert "apt-get install maven" in maven
    with pytest.raises(BrokerProblem, match="Java"):
        LocalPulsar(cache).start()


def test_a_port_that_is_taken_is_told(cache: Path, fetched: list[Path], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerProblem, match=f"Port {port} is taken.*PULSAR_PORT"):
            LocalPulsar(tmp_path, port=port).start()


def test_the_configuration_is_changed_and_completed() -> None:
    original = "# port=1\nport=6650\nkeep=this\n\nport=twice\n"
    assert configured(original, {"port": "7", "new": "8"}) == "# port=1\nport=7\nkeep=this\n\nnew=8\n"


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(port_is_free(port) for port in ports)
