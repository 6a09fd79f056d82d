"""SQLite's files belong to their owner alone: they hold sessions, password hashes and, in the embedded store, payloads."""

import logging
import stat
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

PARTS = ("", "-wal", "-shm", "-journal")
"""A database's file, and those that SQLite keeps beside it."""
PRIVATE = stat.S_IRUSR | stat.S_IWUSR
OTHERS = stat.S_IRWXG | stat.S_IRWXO
_told: set[Path] = set()


def on_connection(*, connection: Any, **_: Any) -> None:
    """After each connection: a file that others may read was made by an older version, or by another program."""
    if connection.vendor == "sqlite":
        make_private(Path(str(connection.settings_dict["NAME"])))


def make_private(database: Path) -> None:
    """Take everybody else's rights from the database's files. Warns, once for each file, where that is not possible."""
    for part in PARTS:
        path = database.with_name(database.name + part)
        try:
            if stat.S_IMODE(path.stat().st_mode) & OTHERS:
                path.chmod(PRIVATE)
        except FileNotFoundError:
            continue
        except OSError as error:
            if path not in _told:
                _told.add(path)
                log.warning("Others may read %s, and that cannot be changed: %s. Run chmod 600 on it.", path, error.strerror)
