"""Keys that sign seals, and those that check them: Ed25519, named as signed notes name theirs (c2sp.org/signed-note).

The private key is a PEM file (PKCS #8) that nobody but its owner may read, or what systemd gives to one service (a
credential). The public key is one line of text, ``name+id+key``, as Go's ``note`` package and witnesses of transparency logs
take it.
"""

import base64
import os
import re
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from eventstore.model import EventStoreError

NOTE, TIMED = 1, 4
"""Types of signature: over a note's text, and over the text with the time of signing (c2sp.org/tlog-cosignature)."""
_NAME = re.compile(r"[^\s+]{1,200}")


class KeyProblem(EventStoreError):
    """The key cannot be used. The text says why, and never shows a part of a private key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """Checks seals of the record called ``name``."""

    name: str
    raw: bytes

    def id(self, type: int) -> bytes:
        """The four bytes that a signature of this type begins with."""
        return sha256(self.name.encode() + b"\n" + bytes([type]) + self.raw).digest()[:4]

    def signed(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        key = base64.b64encode(bytes([NOTE]) + self.raw).decode()
        return f"{self.name}+{self.id(NOTE).hex()}+{key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateKey:
    """Signs seals of the record called ``name``."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        return PublicKey(name=self.name, raw=self.key.public_key().public_bytes_raw())


def make_key(name: str, path: Path) -> PublicKey:
    """Write a new private key, which nothing replaces, and its public key beside it (``.pub``). ``KeyProblem``,
    ``FileExistsError``."""
    if not _NAME.fullmatch(name):
        raise KeyProblem("A record's name has no space and no plus sign, and at most 200 characters: desk.example.org/record.")
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = PrivateKey(name=name, key=key)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    public_path(path).write_text(f"{made.public}\n", encoding="utf-8")
    return made.public


def public_path(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def private_key(path: Path, public: Path | None = None) -> PrivateKey:
    """The key in this file, under the name that its public key has: by default that beside it. ``KeyProblem``."""
    public = public or public_path(path)
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise KeyProblem(f"The seal key {path} cannot be read: {error.strerror}.") from error
    if mode & _of_others(path):
        raise KeyProblem(f"Others than its owner may read or change the seal key {path}: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyProblem(f"{path} is no Ed25519 private key in PEM.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"{path} is no Ed25519 private key in PEM.")
    checks = public_key(public)
    if key.public_key().public_bytes_raw() != checks.raw:
        raise KeyProblem(f"{public} is the public key of another private key.")
    return PrivateKey(name=checks.name, key=key)


def _of_others(path: Path) -> int:
    """The bits of a mode that a private key must not have. In systemd's folder of credentials, which only the service can
    enter, a group may read: systemd 254 and newer let the service's user in by an access list, which shows as that bit."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    is_credential = bool(given) and path.resolve().parent == Path(given).resolve()
    return stat.S_IRWXO | stat.S_IRWXG & ~(stat.S_IRGRP if is_credential else 0)


def public_key(path: Path) -> PublicKey:
    """The key of the one line in this file. ``KeyProblem``."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise KeyProblem(f"The public key {path} cannot be read ({type(error).__name__}).") from error
    name, id, key = [*text.split("+", 2), "", ""][:3]
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:
        raw = b""
    found = PublicKey(name=name, raw=raw[1:])
    if len(raw) != 33 or raw[0] != NOTE or not _NAME.fullmatch(name) or found.id(NOTE).hex() != id:
        raise KeyProblem(f"{path} is no public key of seals: one line, name+id+key.")
    return found
