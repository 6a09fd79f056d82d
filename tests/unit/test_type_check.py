"""mypy begins with what its last run in any clone knew."""

import os
from pathlib import Path

import pytest

from scripts import type_check
from scripts.type_check import keep, main, take


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A clone's cache with something in it, and the place of the kept one."""
    own = tmp_path / "clone" / ".mypy_cache"
    written(own, "what is known", 100)
    return own, tmp_path / "home" / "mypy"


def written(folder: Path, text: str, when: float) -> None:
    file = folder / "3.11" / "cache.0.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (when, when))


def read(folder: Path) -> str:
    return (folder / "3.11" / "cache.0.db").read_text()


def test_a_fresh_clone_gets_what_an_older_one_left(folders: tuple[Path, Path], tmp_path: Path) -> None:
    own, kept = folders
    keep(own, kept)
    fresh = tmp_path / "fresh" / ".mypy_cache"
    fresh.parent.mkdir()
    take(kept, fresh)
    assert read(fresh) == "what is known"
    assert [path.name for path in fresh.parent.iterdir()] == [".mypy_cache"]


def test_a_clone_keeps_its_own_and_nothing_is_taken_where_nothing_is_kept(folders: tuple[Path, Path], tmp_path: Path) -> None:
    own, kept = folders
    take(kept, tmp_path / ".mypy_cache")
    assert not (tmp_path / ".mypy_cache").exists()
    keep(own, kept)
    written(own, "more", 200)
    take(kept, own)
    assert read(own) == "more"


def test_what_is_kept_is_replaced_by_what_is_newer_alone(folders: tuple[Path, Path]) -> None:
    own, kept = folders
    keep(own, kept)
    written(own, "more", 200)
    keep(own, kept)
    assert read(kept) == "more"
    written(own, "older", 150)
    keep(own, kept)
    assert read(kept) == "more"
    assert sorted(path.name for path in kept.parent.iterdir()) == ["mypy", "mypy.lock"]


@pytest.mark.parametrize("status", [0, 1])
def test_its_status_is_mypys_and_only_what_passed_is_kept(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    own, kept = folders
    (own.parent / "mypy.py").write_text(f"raise SystemExit({status})")
    monkeypatch.chdir(own.parent)
    monkeypatch.setattr(type_check, "cache_folder", lambda: kept.parent)
    assert main() == status
    assert kept.exists() is (status == 0)


def test_a_home_that_cannot_be_written_stops_nothing(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, _ = folders
    (own.parent / "mypy.py").touch()
    (tmp_path / "a-file").touch()
    monkeypatch.chdir(own.parent)
    monkeypatch.setattr(type_check, "cache_folder", lambda: tmp_path / "a-file" / "below")
    assert main() == 0


def test_no_home_stops_nothing(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    own, _ = folders
    (own.parent / "mypy.py").touch()
    monkeypatch.chdir(own.parent)
    monkeypatch.setattr(type_check, "cache_folder", no_home)
    assert main() == 0
