"""Secrets that demo mode makes and stores in the data directory, readable by its owner alone.

Knows nothing of Django, because the settings module imports it.
"""

import os
import secrets
from pathlib import Path

DEMO_KEY = "demo-secret-key"
DEMO_HASH_KEY = "demo-hash-key"


def demo_secret_key(directory: Path) -> str:
    """The demo's secret key. Each data directory has one, so that logins survive a restart."""
    return read_or_create(directory / DEMO_KEY, secrets.token_urlsafe(50))


def demo_hash_key(directory: Path) -> str:
    """The key that hashes the demo's searchable values. It has to last as long as the index in the same directory."""
    return read_or_create(directory / DEMO_HASH_KEY, secrets.token_urlsafe(50))


def read_or_create(path: Path, fresh: str) -> str:
    """The content of the file, which is created with ``fresh`` if it does not exist.

    The file appears whole or not at all. So two processes that start together agree, and a killed one leaves no half file.
    """
    if not path.exists():
        temporary = _written_beside(path, fresh)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first: use its secret
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8")


def replace(path: Path, text: str) -> None:
    """Give the file another content, at once."""
    _written_beside(path, text).replace(path)


def _written_beside(path: Path, text: str) -> Path:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return temporary
