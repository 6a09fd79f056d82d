"""Whether the audit record still stands as it was written."""

from dataclasses import dataclass

from dashboard.auditing.chain import BEGINNING
from dashboard.auditing.entries import hash_of
from dashboard.auditing.old_entries import RESOURCE_COLUMNS, columns_of_old
from dashboard.models import AuditEntry, AuditHead

STEP = 1000
"""Entries read at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """The first entry at which the chain does not hold. ``number`` is where it was noticed."""

    number: int
    reason: str


def verify() -> Break | None:
    """Walk the whole chain, ``STEP`` entries in memory; the first break, or ``None`` where every entry stands as written."""
    head = _head()
    number, previous = 0, BEGINNING
    while entries := list(AuditEntry.objects.filter(number__gt=number).order_by("number")[:STEP]):
        for entry in entries:
            reason = _wrong(entry, number, previous, head)
            if reason:
                return Break(number=min(entry.number, number + 1), reason=reason)
            number, previous = entry.number, entry.hash
    return _head_break(number, previous, head)


def _wrong(entry: AuditEntry, number: int, previous: str, head: AuditHead | None) -> str:
    """What is wrong with this entry behind the one of this number and hash; empty where nothing is."""
    if entry.number != number + 1:
        return _missing(number + 1, entry.number - 1)
    if entry.previous != previous:
        return "it does not continue the entry before it: moved or replaced"
    if entry.hash != hash_of(entry) or not _columns_are_its_own(entry):
        return "its content was changed after it was written"
    if head is not None and entry.number == head.number and entry.hash != head.hash:
        return "it is not the entry that the head row names"
    return ""


def _columns_are_its_own(entry: AuditEntry) -> bool:
    """The hash of a new entry covers all its columns. An old one's resource was made of what its hash covers, and it has no
    PID namespace."""
    if entry.hash_version != 1:
        return True
    made = columns_of_old(state=entry.state, action=entry.action, scope=entry.scope, details=entry.details)
    return entry.pid_namespace == "" and all(getattr(entry, name) == made[name] for name in RESOURCE_COLUMNS)


def _head_break(number: int, last: str, head: AuditHead | None) -> Break | None:
    """Whether the head row names the last entry. What was written while the walk went on may be behind the head of before."""
    if head is not None and number < head.number:
        return Break(number=number + 1, reason=_missing(number + 1, head.number))
    if number and (head is None or number > head.number):
        now = _head()
        if now is None:
            return Break(number=number, reason="the head row, which names the last entry, is missing")
        if now.number < number or (now.number == number and now.hash != last):
            return Break(number=now.number + 1, reason="the head row names an earlier entry as the last")
    return None


def _head() -> AuditHead | None:
    return AuditHead.objects.filter(id=1).first()


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
