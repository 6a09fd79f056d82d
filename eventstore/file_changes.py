"""Waiting until somebody writes into a file, such as SQLite's log of changes: the kernel tells, so nobody has to look again
and again. Only Linux does; elsewhere, and where the kernel watches no more files, the caller has to look."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncinotify import Inotify


VISIBLE_WITHIN = 0.2
"""Seconds from the writing of SQLite's log to the commit, as long as the count of commits is read again and again."""


class FileChanges:
    """Belongs to one thread. Others may ``wake`` it until it is closed."""

    def __init__(self, path: str | Path) -> None:
        self._watching = _watching(Path(path))
        self._poll = select.poll()
        self._woken = -1
        if self._watching is None:
            return
        try:
            self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        except OSError:  # too many are open
            self._watching.close()
            self._watching = None
            return
        for number in (self._watching.fd, self._woken):
            self._poll.register(number, select.POLLIN)

    @property
    def tells(self) -> bool:
        """Whether writes are told of: not any more once the file was removed."""
        return self._watching is not None

    def wait(self, seconds: float) -> bool:
        """Return whether somebody has written, at once if so; false at once if woken. Only if it ``tells``."""
        watching, written = self._watching, False
        assert watching is not None
        ready = {number for number, _ in self._poll.poll(1000 * max(0.0, seconds))}
        if self._woken in ready:
            os.eventfd_read(self._woken)
        if watching.fd in ready:
            while (event := watching.sync_get()) is not None:  # what was written at once counts once
                written = True
                if event.mask & GONE:
                    self.close()
                    break
        return written

    def wake(self) -> None:
        """End the wait of the thread to which it belongs."""
        if self._woken >= 0:
            os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        if self._watching is not None:
            self._watching.close()
            os.close(self._woken)
            self._watching, self._woken = None, -1


def sqlite_log(database: object) -> FileChanges:
    """Tells of writes into the log of this SQLite file. The log is there as long as somebody has the file open."""
    return FileChanges(f"{database}-wal")


def sqlite_file(database: object) -> tuple[int, int] | None:
    """Return the device and inode of this SQLite file; ``None`` if there is none now. Who has a file open goes on with it
    after it was removed or replaced."""
    try:
        found = Path(str(database)).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def sqlite_commits(raw: Any) -> object:
    """What changes with each commit of others, of a connection of the driver: read without a transaction or a lock."""
    return raw.execute("PRAGMA data_version").fetchone()[0]


def is_committed(count: Callable[[], object], seen: object, rest: Callable[[], object]) -> bool:
    """Whether what was written into the log is committed a moment later: whether ``count`` is no longer as ``seen``.
    ``rest`` waits between two readings, and ends it by returning true."""
    until = time.monotonic() + VISIBLE_WITHIN
    while count() == seen:
        if time.monotonic() > until or rest():
            return False
    return True


GONE = 0x8000
"""``IN_IGNORED``: the file was removed, and no more is told."""


def _watching(path: Path) -> "Inotify | None":
    try:
        from asyncinotify import Inotify, Mask
    except (ImportError, AttributeError, OSError):  # there is no such call here
        return None
    try:
        watching = Inotify(sync_timeout=0.0)
    except OSError:  # too many are open
        return None
    try:
        watching.add_watch(path, Mask.MODIFY)
    except OSError:  # it does not exist (yet)
        watching.close()
        return None
    return watching
