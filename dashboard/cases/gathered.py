"""What belongs to a case, in order: looks, searches, reveals, acts and exports from the record, and notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.auditing.acts import Act, acts_of_case
from dashboard.gateway import sight
from dashboard.models import Case, CaseNote, Reveal
from dashboard.privacy.by_reason.cases import closed_at
from dashboard.privacy.by_reason.reveals import how_it_ended
from dashboard.rendering import audit_line
from dashboard.rendering.audit_text import AuditLine
from dashboard.scoping.rows import sees_act

LATE = timedelta(hours=12)
"""The entry that tells of the closing is written after it, and repeated refusals are counted for a while before they are."""
VALUES = {"masked": "values masked", "revealed": "values revealed", "clear": "values plain"}
"""How the values were shown, as a look, a search or an export has recorded it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing of a case: an act of the record as a line, or a note."""

    at: datetime
    line: AuditLine | None = None
    note: CaseNote | None = None
    reveal: Reveal | None = None
    """What an act began, with how it ended."""
    ended_by: str = ""

    @property
    def values(self) -> str:
        """How values were shown; empty if nothing of them was."""
        if self.reveal is not None:
            return VALUES["revealed"]
        found = self.line.act.details.get("values") if self.line is not None else None
        return VALUES.get(str(found), "") if found else ""

    @property
    def reveal_ends(self) -> datetime | None:
        return (self.reveal.ended or self.reveal.ends) if self.reveal is not None else None


def entries_of(case: Case) -> Sequence[Entry]:
    """Everything, the oldest first."""
    now = datetime.now(UTC)
    until = (closed_at(case, now) or now) + LATE
    acts = acts_of_case(case.pk, actor=case.person.username, after=case.after, until=until)
    reveals = {reveal.pk: reveal for reveal in case.reveals.all()}
    found = [_of_act(act, reveals, now) for act in acts if sees_act(act, sight())]
    found += [Entry(at=note.written, note=note) for note in case.notes.all()]
    return sorted(found, key=lambda entry: entry.at)


def as_json(entry: Entry) -> Mapping[str, Any]:
    """An entry as the case's file has it: names, ids, counts and times, and never a value of an event."""
    if entry.note is not None:
        return {"at": entry.at, "what": "Note", "text": entry.note.text}
    assert entry.line is not None
    act = entry.line.act
    resource = {name: text for name in _COLUMNS if (text := getattr(act.resource, name))}
    return {
        "at": entry.at,
        "what": entry.line.what,
        "action": act.action,
        "on": resource,
        "state": str(act.state),
        "values": entry.values or None,
        "reveal_ended": entry.reveal_ends,
        "reveal_ended_by": entry.ended_by or None,
        "entry": act.number,
        "act": str(act.act),
        "details": dict(act.details),
        "outcome": dict(act.outcome),
    }


_COLUMNS = ("kind", "topic", "subscription", "aggregate_type", "aggregate_id", "name")


def _of_act(act: Act, reveals: Mapping[int, Reveal], now: datetime) -> Entry:
    reveal = reveals.get(int(act.outcome.get("reveal") or 0))
    return Entry(
        at=act.begun,
        line=audit_line(act),
        reveal=reveal,
        ended_by=how_it_ended(reveal, now) if reveal is not None else "",
    )
