"""Files of secrets, which are read again when they change."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from eventstore.model.errors import NotLetIn

T = TypeVar("T")
Stamp = tuple[int, int, int] | None
"""Tells one content of a file from another; ``None`` if there is no such file."""

LARGEST = 1_000_000
"""Bytes. A path of something else, such as a device, must not fill the memory."""


def stamp_of(path: str) -> Stamp:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_secret(path: str, variable: str) -> str:
    """Return what the file that the environment variable names has. Raises ``NotLetIn`` if that is nothing."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(LARGEST).decode().strip()
    except OSError as error:
        raise NotLetIn(f"{variable} cannot be read ({error.strerror}), so the broker does not let Eventdesk in.") from None
    except ValueError:
        raise NotLetIn(f"The file of {variable} is not text, so the broker does not let Eventdesk in.") from None
    if not text:
        raise NotLetIn(f"The file of {variable} is empty, so the broker does not let Eventdesk in.")
    return text


class Fresh(Generic[T]):
    """Something made from files, and made anew once one of them has changed. Thread-safe."""

    def __init__(self, paths: tuple[str, ...], make: Callable[[], T]) -> None:
        self._paths, self._make = tuple(path for path in paths if path), make
        self._lock, self._process = threading.Lock(), os.getpid()
        self._made: tuple[tuple[Stamp, ...], T] | None = None

    def stamp(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(path) for path in self._paths)

    def get(self) -> T:
        """Return it as the files are now, or the error that making it raises."""
        stamp = self.stamp()  # before the files are read: what changes meanwhile is seen the next time
        made = self._made
        if made is not None and made[0] == stamp:
            return made[1]
        if self._process != os.getpid():  # a forked child may have its parent's lock while a thread held it
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            if self._made is None or self._made[0] != stamp:
                self._made = (stamp, self._make())
            return self._made[1]
