"""The archive of a broker's classes: made once for each Java, and left out where Java makes none."""

import threading
from pathlib import Path

import pytest

from scripts import pulsar_classes
from scripts.pulsar_classes import class_archive
from scripts.pulsar_configuration import BrokerSetup
from scripts.pulsar_launch import SHORT_LIVED, environment


@pytest.fixture
def made() -> list[Path]:
    """The paths at which archives were made."""
    return []


def archive_in(home: Path, made: list[Path]) -> Path | None:
    def make(archive: Path) -> None:
        made.append(archive)
        archive.write_text("classes")

    return class_archive(home, make)


def test_it_is_made_once_beside_the_programs(tmp_path: Path, made: list[Path]) -> None:
    threads = [threading.Thread(target=archive_in, args=(tmp_path, made)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    archive = archive_in(tmp_path, made)
    assert archive is not None and archive.parent == tmp_path and archive.read_text() == "classes"
    assert len(made) == 1


def test_another_java_gets_another_and_the_old_one_goes(
    tmp_path: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = archive_in(tmp_path, made)
    monkeypatch.setattr(pulsar_classes, "java_version", lambda: "openjdk 99")
    second = archive_in(tmp_path, made)
    assert first != second
    assert sorted(tmp_path.glob("classes-*")) == [second]


def test_a_java_that_writes_none_is_asked_once(tmp_path: Path) -> None:
    asked: list[Path] = []
    assert class_archive(tmp_path, asked.append) is None
    assert class_archive(tmp_path, asked.append) is None
    assert len(asked) == 1


def test_an_archive_that_was_cut_off_is_none(tmp_path: Path, made: list[Path]) -> None:
    def killed(archive: Path) -> None:
        archive.write_text("cla")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        class_archive(tmp_path, killed)
    archive = archive_in(tmp_path, made)
    assert archive is not None and archive.read_text() == "classes"
    assert list(tmp_path.glob("classes-*")) == [archive]


def test_what_java_gets_besides_is_for_a_short_lived_broker_alone(tmp_path: Path) -> None:
    setup = BrokerSetup(data=tmp_path, port=1, web_port=2, bookie_port=3)
    assert environment(setup, ["-option"]) == environment(setup)
    short = environment(BrokerSetup(data=tmp_path, port=1, web_port=2, bookie_port=3, short_lived=True), ["-option"])
    log = f"-Dlog4j.configurationFile={tmp_path}/logging/log4j2.yaml"
    assert short["PULSAR_GC"] == f"{SHORT_LIVED} {log} -option"
    assert not Path(short["PULSAR_LOG_CONF"]).parent.exists()
