"""Secrets that demo mode makes for itself and keeps in the data directory, readable by its owner alone.

Knows nothing of Django: the settings module reads them before anything is ready.
"""

import os
import secrets
from pathlib import Path

DEMO_KEY = "demo-secret-key"
DEMO_HASH_KEY = "demo-hash-key"


def demo_secret_key(directory: Path) -> str:
    """The demo's secret key: made once for each data directory, so that a login outlives a restart."""
    return kept(directory / DEMO_KEY, secrets.token_urlsafe(50))


def demo_hash_key(directory: Path) -> str:
    """The key of the demo's hashed searchable values: it has to last as long as the index that lies beside it."""
    return kept(directory / DEMO_HASH_KEY, secrets.token_urlsafe(50))


def kept(path: Path, fresh: str) -> str:
    """What the file holds; where there is none, ``fresh``, which it holds from now on.

    The file appears whole or not at all, so that two processes that start together agree and a killed one leaves no half.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(fresh)
            os.link(beside, path)
        except FileExistsError:
            pass  # another process was first: its secret holds
        finally:
            beside.unlink()
    return path.read_text(encoding="utf-8")
