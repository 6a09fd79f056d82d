"""Fetching and configuring the local broker, as far as it goes without one."""

import io
import socket
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from scripts import keycloak_distribution, local_pulsar, pulsar_distribution
from scripts.local_pulsar import LocalPulsar
from scripts.ports import free_ports, port_is_free
from scripts.pulsar_configuration import BrokerSetup, configured, settings, write_configuration
from scripts.pulsar_distribution import (
    DEFAULT_VERSION,
    NEWER_VERSION,
    VERSIONS,
    BrokerProblem,
    chosen_version,
    distribution,
    missing_programs,
)
from scripts.pulsar_launch import TICKING, TICKS_MAY_WAIT_NS, calm, command, environment

EACH_VERSION = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "eventdesk"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In place of Maven: a small archive and jars of the same shape. The value lists the versions that were fetched."""
    asked: list[str] = []

    def fetch(folder: Path) -> Path:
        asked.append(DEFAULT_VERSION)
        archive = folder / "pulsar.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for name in ("bin/pulsar", "conf/standalone.conf", "lib/broker-4.0.8.jar", "examples/big.jar"):
                tar.addfile(tarfile.TarInfo(f"apache-pulsar/{name}"), io.BytesIO())
        return archive

    def fetch_jars(version: str, folder: Path, lib: Path) -> None:
        asked.append(version)
        lib.mkdir()
        (lib / f"broker-{version}.jar").touch()

    monkeypatch.setattr(pulsar_distribution, "fetch", fetch)
    monkeypatch.setattr(pulsar_distribution, "fetch_jars", fetch_jars)
    monkeypatch.setattr(pulsar_distribution, "missing_programs", lambda version: [])
    return asked


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_fetched_once_and_kept_without_the_archive_and_the_examples(cache: Path, fetched: list[str]) -> None:
    said: list[str] = []
    home = distribution(say=said.append)
    assert distribution(say=said.append) == home == cache / f"pulsar-{DEFAULT_VERSION}"
    assert (len(fetched), len(said)) == (1, 1)
    assert names_in(home) == ["bin", "conf", "lib"]
    assert names_in(cache) == [home.name, "pulsar.lock"]


def test_a_version_without_a_distribution_has_its_jars_and_the_rest_of_the_default_version(
    cache: Path, fetched: list[str]
) -> None:
    said: list[str] = []
    home = distribution(NEWER_VERSION, said.append)
    assert distribution(NEWER_VERSION, said.append) == home == cache / f"pulsar-{NEWER_VERSION}"
    assert (fetched, len(said)) == ([DEFAULT_VERSION, NEWER_VERSION], 2)
    assert names_in(home) == ["bin", "conf", "lib"]
    assert names_in(home / "lib") == [f"broker-{NEWER_VERSION}.jar"]
    assert names_in(cache / f"pulsar-{DEFAULT_VERSION}" / "lib") == [f"broker-{DEFAULT_VERSION}.jar"]
    assert names_in(cache) == [f"pulsar-{DEFAULT_VERSION}", f"pulsar-{NEWER_VERSION}", "pulsar.lock"]


def test_jars_that_maven_cannot_fetch_leave_nothing_behind(
    cache: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(version: str, folder: Path, lib: Path) -> None:
        lib.mkdir()
        raise BrokerProblem("Maven could not fetch the jars.")

    monkeypatch.setattr(pulsar_distribution, "fetch_jars", fails)
    with pytest.raises(BrokerProblem, match="Maven"):
        distribution(NEWER_VERSION, lambda text: None)
    assert names_in(cache) == [f"pulsar-{DEFAULT_VERSION}", "pulsar.lock"]


def test_maven_that_fails_is_told_with_the_end_of_what_it_wrote(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    maven = programs / "mvn"
    maven.write_text("#!/bin/sh\necho 'Could not resolve it' >&2\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    with pytest.raises(BrokerProblem, match=rf"pulsar-broker:{NEWER_VERSION}(?s:.*)Could not resolve it"):
        pulsar_distribution.fetch_jars(NEWER_VERSION, tmp_path, tmp_path / "lib")


@EACH_VERSION
def test_what_a_killed_start_left_is_cleared_away(cache: Path, fetched: list[str], version: str) -> None:
    half = cache / f"{pulsar_distribution.UNPACKING}abc" / "apache-pulsar"
    half.mkdir(parents=True)
    assert (distribution(version, lambda text: None) / "bin").is_dir()
    assert not half.exists()


@EACH_VERSION
def test_two_that_start_together_fetch_once(cache: Path, fetched: list[str], version: str) -> None:
    threads = [threading.Thread(target=distribution, args=(version, lambda text: None)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert fetched.count(version) == 1
    assert len(fetched) == len(set(fetched))


def test_the_version_is_the_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSAR_VERSION", raising=False)
    assert chosen_version() == DEFAULT_VERSION
    monkeypatch.setenv("PULSAR_VERSION", NEWER_VERSION)
    assert chosen_version() == NEWER_VERSION


def test_the_command_refuses_another_version_and_names_those_that_there_are(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULSAR_VERSION", "4.1.0")
    assert local_pulsar.main() == 1
    assert "'4.1.0'" in (told := capsys.readouterr().err)
    assert all(version in told for version in VERSIONS)
    with pytest.raises(BrokerProblem, match=r"4\.1\.0"):
        LocalPulsar(cache, version="4.1.0")


def test_what_is_missing_is_named_with_how_to_install_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java, maven = missing_programs()
    assert "openjdk-17" in java
    assert "apt-get install maven" in maven
    with pytest.raises(BrokerProblem, match="Java"):
        LocalPulsar(cache).start()


def test_a_port_that_is_taken_is_told(cache: Path, fetched: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerProblem, match=f"Port {port} is taken.*PULSAR_PORT"):
            LocalPulsar(tmp_path, port=port).start()


def test_the_configuration_is_changed_and_completed() -> None:
    original = "# port=1\nport=6650\nkeep=this\n\nport=twice\n"
    assert configured(original, {"port": "7", "new": "8"}) == "# port=1\nport=7\nkeep=this\n\nnew=8\n"


def test_the_page_of_versions_and_the_makefile_name_those_that_there_are() -> None:
    root = Path(pulsar_distribution.__file__).parent.parent
    page = (root / "docs" / "pulsar-versions.md").read_text()
    assert all(f"| {version} |" in page for version in VERSIONS)
    assert f"PULSAR_VERSION={NEWER_VERSION} " in (root / "Makefile").read_text()


def setup_in(folder: Path, **options: Any) -> BrokerSetup:
    return BrokerSetup(data=folder, port=1, web_port=2, bookie_port=3, **options)


def test_both_versions_get_the_same_settings_and_the_same_command(tmp_path: Path) -> None:
    older, newer = (setup_in(tmp_path, version=version) for version in VERSIONS)
    assert settings(older) == settings(newer)
    assert command(older, tmp_path / "home") == command(newer, tmp_path / "home")
    assert environment(older) == environment(newer)


def test_the_configuration_is_written_into_the_brokers_folder_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "conf").mkdir(parents=True)
    (home / "conf" / "standalone.conf").write_text("webServicePort=8080\nkeep=this\n")
    setup = setup_in(tmp_path / "data")
    write_configuration(setup, home)
    assert setup.configuration.read_text().startswith("webServicePort=2\nkeep=this\n")
    assert "Console" in setup.log_configuration.read_text()
    assert (home / "conf" / "standalone.conf").read_text() == "webServicePort=8080\nkeep=this\n"


def test_clients_are_told_of_what_stands_in_between(tmp_path: Path) -> None:
    between = setup_in(tmp_path, told_to_clients=4)
    assert "between:pulsar://127.0.0.1:4,direct:pulsar://127.0.0.1:1" in settings(between).values()
    assert "--advertised-address" not in command(between, tmp_path)
    assert "--advertised-address" in command(setup_in(tmp_path), tmp_path)


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(port_is_free(port) for port in ports)


def test_only_the_ticking_thread_is_calmed_and_one_that_cannot_be_is_left_as_it_is(tmp_path: Path) -> None:
    for thread, name in ((11, "java"), (12, f"{TICKING}\n")):
        (tmp_path / "1" / "task" / str(thread)).mkdir(parents=True)
        (tmp_path / "1" / "task" / str(thread) / "comm").write_text(name)
        (tmp_path / str(thread)).mkdir()
    calm(1, tmp_path)
    assert not (tmp_path / "11" / "timerslack_ns").exists()
    slack = tmp_path / "12" / "timerslack_ns"
    assert slack.read_text() == str(TICKS_MAY_WAIT_NS)
    slack.unlink()
    slack.mkdir()  # as little to be written as the file of a kernel that is emulated
    calm(1, tmp_path)


def test_fetching_keycloak_from_a_mirror_that_hangs_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycloak_distribution, "FETCHED_WITHIN", 0.1)
    with pytest.raises(keycloak_distribution.KeycloakProblem, match="took longer than"):
        keycloak_distribution._run(["sleep", "60"], tmp_path)
