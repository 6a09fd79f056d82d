"""Entries of the first release: their hashes stand, they are found by the same filters, and tampering with them is seen."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from dashboard.auditing.acts import acts, resource_filter
from dashboard.auditing.chain import BEGINNING, DatabaseRecord
from dashboard.auditing.entries import Row, hash_of, line_of
from dashboard.auditing.old_entries import columns_of_old, searched_columns_of_old
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry
from eventstore.actions import Resource, subscription_resource, topic_resource
from scripts import check_record
from tests.databases import filled_once
from tests.unit.auditing.helpers import an_act, sql

FIRST = {
    "number": 1,
    "act": UUID(int=7),
    "state": "intended",
    "actor": "anna",
    "via": "page",
    "action": "reset_cursor",
    "scope": "patients mailer",
    "details": '{"reason":"SUP-1","subscription":"mailer","topic":"patients"}',
    "written": datetime(2026, 11, 22, 10, 0, 0, 5, tzinfo=UTC),
    "host": "h",
    "pid": 7,
    "process_start": "1@b",
    "previous": BEGINNING,
}
WRITTEN_BY_THE_FIRST_RELEASE = "92918b550c508c69c26884d02be13c2ea68099ec427ccbf560d9b98adb479b6a"


def test_the_hash_of_an_old_entry_is_what_the_first_release_wrote() -> None:
    assert hash_of(AuditEntry(**FIRST)) == WRITTEN_BY_THE_FIRST_RELEASE


def old_entries() -> list[dict[str, Any]]:
    """A reset, an import, the demo's history, an account and a token, begun and ended, as the first release wrote them."""
    begun: list[tuple[str, str, dict[str, Any]]] = [
        ("reset_cursor", "patients mailer", {"topic": "patients", "subscription": "mailer", "reason": "SUP-1"}),
        ("publish", "patients", {}),
        ("publish", "patients, documents", {"demo": True}),
        ("manage_people", "ben", {"role": "viewer"}),
        ("make_token", "nightly", {"role": "viewer", "days": 7}),
    ]
    rows: list[dict[str, Any]] = []
    previous = BEGINNING
    for place, (action, scope, details) in enumerate(begun):
        for state in ("intended", "done"):
            text = json.dumps(details if state == "intended" else {}, sort_keys=True, separators=(",", ":"))
            row = {**FIRST, "number": len(rows) + 1, "act": UUID(int=place), "state": state, "action": action, "scope": scope}
            row |= {"details": text, "previous": previous}
            row["hash"] = previous = hash_of(AuditEntry(**row))
            rows.append(row)
    return rows


def migrated(name: str) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate([("dashboard", name)]).apps


@pytest.fixture
def record_of_the_first_release(transactional_db: None) -> None:
    """The tables as the first release had them, with a record in them, and then migrated: once for all tests."""
    filled_once("the record of the first release", _migrate_a_record, ["default"])


def _migrate_a_record() -> None:
    old = migrated("0002_api_tokens")
    try:
        for row in old_entries():
            old.get_model("dashboard", "AuditEntry").objects.create(**row)
        old.get_model("dashboard", "AuditHead").objects.create(id=1, number=10, hash=old_entries()[-1]["hash"])
    finally:
        call_command("migrate", "dashboard", database="default", verbosity=0)


@pytest.mark.slow
@pytest.mark.usefixtures("record_of_the_first_release")
def test_a_record_of_the_first_release_verifies_and_goes_on() -> None:
    assert verify() is None
    an_act()
    assert verify() is None
    assert [entry.hash_version for entry in AuditEntry.objects.order_by("number")] == [1] * 10 + [3] * 2


FORGED: dict[str, Any] = {"begins": False, "kind": "topic", "topic": "x", "subscription": "x", "aggregate_type": "patient"} | {
    "aggregate_id": "4711", "name": "x", "reason": "x", "ticket": "x", "pid_namespace": "x"
}  # fmt: skip


def old_rows(version: int) -> list[Row]:
    """The old entries with what a migration gave them, chained."""
    rows: list[Row] = []
    for old in old_entries():
        said = {name: old[name] for name in ("state", "action", "scope", "details")}
        more = columns_of_old(**said) | searched_columns_of_old(state=said["state"], details=said["details"])
        previous = rows[-1].hash if rows else BEGINNING
        row = Row(**{**old, **more, "hash_version": version, "pid_namespace": "", "previous": previous, "hash": ""})
        rows.append(row._replace(hash=hash_of(row)))
    return rows


def checked(rows: list[Row]) -> int:
    return check_record.check(iter([line_of(row).decode() for row in rows]), [])


@pytest.mark.parametrize("version", [1, 2])
def test_without_the_desk_a_field_of_an_old_entry_that_its_hash_does_not_cover_cannot_be_invented(version: int) -> None:
    rows = old_rows(version)
    assert checked(rows) == len(rows)
    for place, (name, value) in itertools.product(range(len(rows)), FORGED.items()):
        forged = [*rows[:place], rows[place]._replace(**{name: value}), *rows[place + 1 :]]
        if forged != rows:
            with pytest.raises(check_record.Broken, match=f"entry {place + 1} was changed"):
                checked(forged)


@pytest.mark.slow
@pytest.mark.usefixtures("record_of_the_first_release")
def test_old_acts_are_found_by_what_they_acted_on() -> None:
    an_act()
    mailer = subscription_resource("patients", "mailer")
    assert [act.number for act in acts(on=mailer)] == [11, 1]
    assert DatabaseRecord().newest(mailer) == 11
    assert [act.number for act in acts(on=topic_resource("patients"))] == [3]
    assert [act.number for act in acts(on=resource_filter(topics=["patients"]))] == [11, 3, 1]
    assert [act.number for act in acts(on=resource_filter(name="mailer"))] == [11, 1]
    assert [act.number for act in acts(on=Resource(kind="account", name="ben"))] == [7]
    assert [act.number for act in acts(on=Resource(kind="api_token", name="nightly"))] == [9]
    assert [act.number for act in acts(on=Resource(kind="store", name="patients, documents"))] == [5]


@pytest.mark.slow
@pytest.mark.usefixtures("record_of_the_first_release")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE dashboard_auditentry SET topic = 'other' WHERE number = 1",
        "UPDATE dashboard_auditentry SET name = 'somebody' WHERE number = 1",
        "UPDATE dashboard_auditentry SET scope = 'other mailer' WHERE number = 1",
        "UPDATE dashboard_auditentry SET hash_version = 2 WHERE number = 1",
        "UPDATE dashboard_auditentry SET pid_namespace = 'pid:[1]' WHERE number = 1",
        "UPDATE dashboard_auditentry SET reason = 'SUP-2' WHERE number = 1",
        "UPDATE dashboard_auditentry SET ticket = 'SUP-2' WHERE number = 1",
        "UPDATE dashboard_auditentry SET begins = (1 = 0) WHERE number = 1",
    ],
)
def test_tampering_with_an_old_entry_is_seen(statement: str) -> None:
    sql(statement)
    broken = verify()
    assert broken is not None
    assert (broken.number, "changed" in broken.reason) == (1, True)
