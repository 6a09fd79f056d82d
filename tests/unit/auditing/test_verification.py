"""Every tampering with the audit record is found, and nothing else."""

import pytest

from dashboard.auditing import verification
from dashboard.auditing.entries import hash_of
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry, AuditHead
from tests.unit.auditing.helpers import an_act, sql

TAMPERINGS: dict[str, tuple[str, int, str]] = {
    "actor changed": ("UPDATE dashboard_auditentry SET actor = 'eve' WHERE number = 3", 3, "changed"),
    "details changed": ("UPDATE dashboard_auditentry SET details = '{}' WHERE number = 5", 5, "changed"),
    "time changed": ("UPDATE dashboard_auditentry SET written = '2020-01-01 00:00:00' WHERE number = 2", 2, "changed"),
    "state changed": ("UPDATE dashboard_auditentry SET state = 'failed' WHERE number = 4", 4, "changed"),
    "first removed": ("DELETE FROM dashboard_auditentry WHERE number = 1", 1, "entry 1 is missing"),
    "two removed": ("DELETE FROM dashboard_auditentry WHERE number IN (3, 4)", 3, "entries 3 to 4 are missing"),
    "tail cut, head left": ("DELETE FROM dashboard_auditentry WHERE number > 6", 7, "entries 7 to 8 are missing"),
    "all removed": ("DELETE FROM dashboard_auditentry", 1, "entries 1 to 8 are missing"),
    "head turned back": ("UPDATE dashboard_audithead SET number = 4", 4, "head"),
    "head turned back with its hash": (
        "UPDATE dashboard_audithead SET number = 4, hash = (SELECT hash FROM dashboard_auditentry WHERE number = 4)",
        5,
        "the head row names an earlier entry",
    ),
    "head removed": ("DELETE FROM dashboard_audithead", 8, "the head row, which names the last entry, is missing"),
    "topic changed": ("UPDATE dashboard_auditentry SET topic = 'other' WHERE number = 3", 3, "changed"),
    "hash version changed": ("UPDATE dashboard_auditentry SET hash_version = 1 WHERE number = 3", 3, "changed"),
    "namespace changed": ("UPDATE dashboard_auditentry SET pid_namespace = 'x' WHERE number = 3", 3, "changed"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1000, 3])
@pytest.mark.parametrize(("statement", "number", "reason"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_every_tampering_is_found_where_it_is(
    statement: str, number: int, reason: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "STEP", step)
    for place in range(4):
        an_act(place)
    assert verify() is None
    sql(statement)
    broken = verify()
    assert broken is not None
    assert broken.number == number
    assert reason in broken.reason


@pytest.mark.django_db
def test_reordered_entries_are_found() -> None:
    for place in range(3):
        an_act(place)
    sql("UPDATE dashboard_auditentry SET number = 99 WHERE number = 3")
    sql("UPDATE dashboard_auditentry SET number = 3 WHERE number = 4")
    sql("UPDATE dashboard_auditentry SET number = 4 WHERE number = 99")
    broken = verify()
    assert broken is not None
    assert (broken.number, "moved" in broken.reason) == (3, True)


@pytest.mark.django_db
def test_an_entry_put_in_between_with_a_hash_of_its_own_is_found() -> None:
    for place in range(3):
        an_act(place)
    second = AuditEntry.objects.get(number=2)
    second.actor = "eve"
    sql("UPDATE dashboard_auditentry SET actor = 'eve', hash = %s WHERE number = 2", hash_of(second))
    broken = verify()
    assert broken is not None
    assert broken.number == 3


@pytest.mark.django_db
def test_what_is_written_while_the_record_is_verified_is_no_break(monkeypatch: pytest.MonkeyPatch) -> None:
    an_act()
    heads = iter([AuditHead.objects.get(id=1)])
    an_act()
    monkeypatch.setattr(verification, "_head", lambda: next(heads, None) or AuditHead.objects.get(id=1))
    assert verify() is None
