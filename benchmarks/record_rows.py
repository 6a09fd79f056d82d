"""Rows of the audit record for its benchmark: made, inserted and read with nothing of the record's own around them."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection
from psycopg import Connection, connect

from benchmarks.record_writer import DETAILS
from dashboard.auditing.chain import BEGINNING
from dashboard.auditing.entries import HASH_VERSION, Row, canonical, hash_of
from dashboard.auditing.verification import verify
from dashboard.models import AuditHead

_COLUMNS = ", ".join(Row._fields)
_VALUES = ", ".join(["%s"] * len(Row._fields))
_bare: list["Connection[Any]"] = []


def make_bare_table() -> None:
    """A table with the record's columns and indexes."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_entries (LIKE dashboard_auditentry INCLUDING ALL)")
        cursor.execute("CREATE SEQUENCE bare_taken")


def rows_to_insert(place: int, count: int) -> Sequence[Row]:
    """Entries that were appended, for one of the processes: no two get the same."""
    from benchmarks.record import PROCESSES

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM dashboard_auditentry WHERE number %% %s = %s AND number NOT IN"
            " (SELECT number FROM bare_entries) ORDER BY number LIMIT %s",
            [PROCESSES, place, count],
        )
        return [Row._make(row) for row in cursor.fetchall()]


def insert_bare(row: Row) -> None:
    """One row in a transaction of its own, with the driver alone."""
    if not _bare:
        _bare.append(connect(_dsn(), autocommit=True))
    _bare[0].execute(f"INSERT INTO bare_entries ({_COLUMNS}) VALUES ({_VALUES})", row)


def fill(count: int) -> None:
    """A record of so many entries, instead of what it holds."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dashboard_auditentry")
        with cursor.copy(f"COPY dashboard_auditentry ({_COLUMNS}) FROM STDIN") as copy:
            last = None
            for last in islice(_chain(), count):
                copy.write_row(last)
        cursor.execute("ANALYZE dashboard_auditentry")
    assert last is not None
    AuditHead.objects.update_or_create(id=1, defaults={"number": last.number, "hash": last.hash, "previous": last.previous})


def read_and_hash() -> int:
    """The bare loop: every row by a server-side cursor, and the hash of its text."""
    count = 0
    with connect(_dsn()) as bare, bare.cursor(name="rows") as cursor:
        cursor.itersize = 5_000
        cursor.execute(f"SELECT {_COLUMNS} FROM dashboard_auditentry ORDER BY number")
        for row in cursor:
            hashlib.sha256("\n".join(map(str, row)).encode()).hexdigest()
            count += 1
    return count


def verify_all() -> int:
    broken = verify()
    if broken is not None:
        raise SystemExit(f"the record is broken at entry {broken.number}: {broken.reason}")
    return AuditHead.objects.get(id=1).number


def _dsn() -> str:
    given = settings.DATABASES["default"]
    return f"postgresql://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


def _chain() -> Iterator[Row]:
    """Acts of two entries each."""
    previous, begun = BEGINNING, datetime(2026, 11, 1, tzinfo=UTC)
    number = 0
    while True:
        act = uuid4()
        for state, details in (("intended", DETAILS), ("done", {"events_again": 1204})):
            number += 1
            row = Row(
                number=number,
                hash_version=HASH_VERSION,
                act=act,
                state=state,
                begins=state == "intended",
                actor=f"person-{number % 200}",
                via="page",
                action="reset_cursor",
                kind="subscription",
                topic=f"public/default/topic-{number % 50}",
                subscription="mailer",
                aggregate_type="",
                aggregate_id="",
                name="",
                scope="",
                reason=str(DETAILS["reason"]) if state == "intended" else "",
                ticket=f"SUP-{number // 20}" if state == "intended" else "",
                details=canonical(details),
                written=begun + timedelta(seconds=number),
                host="desk-1",
                pid=4711,
                process_start="12345@6f1d",
                pid_namespace="pid:[4026531836]",
                previous=previous,
                hash="",
            )
            row = row._replace(hash=hash_of(row))
            previous = row.hash
            yield row
