"""The kernel tells of writes into a file; where it cannot, that is said."""

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.file_changes import FileChanges

LONG = 20.0
"""Seconds: whoever waited for so long was not told."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (path := tmp_path / "log").write_text("begun")
    return path


@pytest.fixture
def changes(file: Path) -> Iterator[FileChanges]:
    watching = FileChanges(file)
    if not watching.tells:
        pytest.skip("nobody tells here")
    yield watching
    watching.close()


def test_a_write_ends_the_wait_and_counts_once(file: Path, changes: FileChanges) -> None:
    def write() -> None:
        with file.open("a") as opened:  # nothing is cut off before, which would be told of by itself
            opened.write("more")

    threading.Timer(0.05, write).start()
    assert changes.wait(LONG)
    assert not changes.wait(0.1)


def test_writes_before_the_wait_are_told_together(file: Path, changes: FileChanges) -> None:
    for text in ("a", "b", "c"):
        file.write_text(text)
    assert changes.wait(LONG)
    assert not changes.wait(0)


def test_without_a_write_the_wait_ends_by_itself(changes: FileChanges) -> None:
    assert not changes.wait(0.01)
    assert changes.tells


def test_a_file_that_was_removed_tells_no_more(file: Path, changes: FileChanges) -> None:
    file.unlink()
    assert changes.wait(LONG)
    assert not changes.tells


def test_of_a_file_that_is_not_there_nobody_tells(tmp_path: Path) -> None:
    changes = FileChanges(tmp_path / "none")
    assert not changes.tells
    changes.close()


def test_another_thread_can_end_the_wait(changes: FileChanges) -> None:
    threading.Timer(0.05, changes.wake).start()
    assert not changes.wait(LONG)
    assert not changes.wait(0)


def test_without_file_numbers_nobody_tells_and_none_is_kept(file: Path, changes: FileChanges) -> None:
    def lowest() -> list[int]:
        """The next two that are free."""
        free = [os.dup(0), os.dup(0)]
        for number in free:
            os.close(number)
        return free

    free, limits = lowest(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1] + 1, limits[1]))  # two are left, and three are needed
    try:
        without = FileChanges(file)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not without.tells
    assert lowest() == free
