"""The demo's read model: the documents of each patient, as the patient's app shows them. A table in a file of its own.

It stands for the database of another service, so nothing of Eventdesk reads or writes it. It is built from events alone, by
``timeline.py``.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from eventstore.model import Message

LOST = "doc-4712-2"
"""The document that never arrived in the app: when its event came for the first time, the app failed to write it and
acknowledged the event all the same."""
LOST_PATIENT = "4712"

_TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    document TEXT PRIMARY KEY, patient TEXT NOT NULL, title TEXT NOT NULL, uploaded_by TEXT NOT NULL, uploaded TEXT NOT NULL,
    scanned INTEGER NOT NULL DEFAULT 0, shared_with TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS documents_of ON documents (patient, uploaded);
CREATE TABLE IF NOT EXISTS failures (document TEXT PRIMARY KEY);
"""
_UPLOADED = """
INSERT INTO documents (document, patient, title, uploaded_by, uploaded) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (document) DO UPDATE SET
    patient = excluded.patient, title = excluded.title, uploaded_by = excluded.uploaded_by, uploaded = excluded.uploaded
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A line of the app. ``uploaded`` is when, in ISO 8601; ``shared_with`` is a practice, or empty."""

    document: str
    title: str
    uploaded_by: str
    uploaded: str
    scanned: int
    shared_with: str

    @property
    def when(self) -> datetime | None:
        """``None`` if the event says no time that can be read."""
        try:
            return datetime.fromisoformat(self.uploaded)
        except ValueError:
            return None


def write(messages: Sequence[Message]) -> None:
    """Take these events into the table, in order. One that comes again changes nothing; one of no document is left out."""
    with _opened() as table:
        for message in messages:
            _write_one(table, message)


def documents_of(patient: str) -> Sequence[Document]:
    """The patient's documents, the newest first."""
    with _opened() as table:
        found = table.execute(
            "SELECT document, title, uploaded_by, uploaded, scanned, shared_with FROM documents WHERE patient = ? "
            "ORDER BY uploaded DESC, document",
            (patient,),
        )
        return [Document(*row) for row in found]


def _write_one(table: sqlite3.Connection, message: Message) -> None:
    data = _data(message)
    name, said = data.get("document"), message.properties
    if not isinstance(name, str):
        return
    match said.get("ce_type"):
        case "DocumentUploaded" if isinstance(data.get("uploadedBy"), str) and not _fails(table, name):
            of = (name, message.key or "", str(data.get("title", "")), data["uploadedBy"], said.get("ce_time", ""))
            table.execute(_UPLOADED, of)
        case "DocumentScanned":
            table.execute("UPDATE documents SET scanned = 1 WHERE document = ?", (name,))
        case "DocumentShared":
            table.execute("UPDATE documents SET shared_with = ? WHERE document = ?", (str(data.get("practice", "")), name))


def _fails(table: sqlite3.Connection, document: str) -> bool:
    """Whether the app fails at this document: once, at the lost one."""
    if document != LOST:
        return False
    return table.execute("INSERT OR IGNORE INTO failures VALUES (?)", (document,)).rowcount == 1


def _data(message: Message) -> dict[str, object]:
    try:
        found = json.loads(message.payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    """The table, committed at the end. Two processes may have it open: each waits for the other."""
    with closing(sqlite3.connect(Path(settings.DATA_DIR) / "demo-app.sqlite3", timeout=20)) as table:
        table.executescript(_TABLES)
        with table:
            yield table
