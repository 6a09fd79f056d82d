"""The file of seals: one behind the other, only ever added to, each on the disk before the next is made."""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard.auditing.seals.keys import PublicKey
from dashboard.auditing.seals.marks import BadSeal, Seal, seal_in
from eventstore.model import EventStoreError

_BETWEEN = re.compile(r"\n\n(?!— )")
_A_SEAL = 1200
"""Bytes of a seal, at most: a name has 200 characters."""


class SealsProblem(EventStoreError):
    """The file of seals cannot be read or written. The text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What a file holds. ``bad``: texts about those that prove nothing, such as one that was cut off while it was written."""

    seals: Sequence[Seal]
    bad: Sequence[str]

    @property
    def last(self) -> Seal | None:
        return self.seals[-1] if self.seals else None


def kept_in(path: Path, key: PublicKey, newest: int = 0) -> Kept:
    """The seals of this file in order; only the ``newest`` ones, if that is not 0. No file holds none. ``SealsProblem``."""
    try:
        text = _tail(path, newest * _A_SEAL) if path.exists() else ""
    except OSError as error:
        raise SealsProblem(f"The seals in {path} cannot be read: {error.strerror}.") from error
    seals: list[Seal] = []
    bad: list[str] = []
    line = 1
    for block in _BETWEEN.split(text):
        if block.strip():
            try:
                seals.append(seal_in(f"{block.strip(chr(10))}\n", key))
            except BadSeal as error:
                bad.append(f"the seal at line {line}: {error}" if not newest else f"a seal: {error}")
        line += block.count("\n") + 2
    return Kept(seals=seals[-newest:], bad=bad)


@contextmanager
def appending(path: Path) -> Iterator["SealsFile"]:
    """The file, to add to. ``SealsProblem`` where another process adds to it now."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise SealsProblem(f"The seals in {path} cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SealsProblem(f"Another process writes seals into {path}.") from error
        _sync_folder(path)
        yield SealsFile(path, descriptor)
    finally:
        os.close(descriptor)


class SealsFile:
    """An open file of seals, which this process alone writes."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    def add(self, text: str) -> None:
        """Write one seal; it is on the disk afterwards. Behind one that a crash cut off it begins anew. ``SealsProblem``."""
        try:
            end = _tail(self.path, 2)
            begin = "" if not end or end.endswith("\n\n") else "\n" if end.endswith("\n") else "\n\n"
            left = f"{begin}{text}\n".encode()
            while left:  # a disk that is nearly full takes a part, and the next write tells why
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise SealsProblem(f"The seals in {self.path} cannot be written: {error.strerror}.") from error


def _tail(path: Path, most: int) -> str:
    """The file's text, or what its last ``most`` bytes hold of whole seals, if ``most`` is not 0."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not most or size <= most:
            return file.read().decode("utf-8", "replace")
        file.seek(size - most)
        text = file.read().decode("utf-8", "replace")
    begun = _BETWEEN.search(text)
    return text[begun.end() :] if begun and most > 2 else text


def _sync_folder(path: Path) -> None:
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
