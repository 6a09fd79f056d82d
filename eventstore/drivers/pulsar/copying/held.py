"""Whether a partition's cursors stand where they stood, so that retention cannot have removed anything in between.

The broker removes nothing behind what it has kept of a cursor. It keeps a cursor in entries of a ledger of its own; where it
closes the log cleanly, in its metadata. In ``internalStats`` the cursor may lie further on: one in an empty ledger, which is
dropped as the log is loaded, is told in the next one.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.ledgers import Entry, ledger_and_entry
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.subscriptions.listing import cursors_in

MOST_HELD = 20
"""Subscriptions of which it is noted how they stood: one is enough, but readers are among them, of which nothing is kept."""

_PLACE = r"(-?\d+:-?\d+)"
_SAID = (re.compile(rf"(.*) {_PLACE} {_PLACE}?", re.ASCII | re.DOTALL), re.compile(rf"(.*) {_PLACE}()", re.ASCII | re.DOTALL))
"""As it is noted now, and as the version before has noted it, without a mark."""


def standing(told: Json) -> Sequence[str]:
    """Return how the cursors of this ``internalStats`` stand: name, entry in which the cursor is kept, and mark."""
    cursors = sorted(cursors_in(told).items(), key=lambda item: (_kept_in(item[1])[0] < 0, item[0]))
    return [_said(name, _kept_in(cursor), str(cursor.get("markDeletePosition", ""))) for name, cursor in cursors[:MOST_HELD]]


def one_is_held(admin: Admin, log: TopicName, held: Sequence[str]) -> bool:
    """Whether one of the cursors that stood so has acknowledged nothing since.

    Either it is kept in the same entry still, as after the broker was killed: one that acknowledges is kept in another, and so
    is one that the broker moves on before it removes what lies before it. Or it was kept in the metadata, not behind its mark
    of then, as the log was closed, and nowhere since.
    """
    then = {name: (kept, mark) for name, kept, mark in map(parsed, held)}
    if not then:
        return False
    now = {name: _kept_in(cursor) for name, cursor in cursors_in(admin.partition_internals(log)).items()}
    if any(kept[0] >= 0 and now.get(name) == kept for name, (kept, _) in then.items()):
        return True
    closed = _closed_at(admin.log_info(log) or {})
    return any(name in closed and closed[name] <= mark for name, (_, mark) in then.items())


def _closed_at(info: Json) -> Mapping[str, Entry]:
    """Return the marks of the cursors that ``internal-info`` tells to be kept in the metadata alone."""
    return {
        unquote_plus(name): (int(cursor["markDelete"]["ledgerId"]), int(cursor["markDelete"]["entryId"]))
        for name, cursor in (info.get("cursors") or {}).items()
        if int(cursor.get("cursorsLedgerId", 0)) < 0 and cursor.get("markDelete")
    }


def _kept_in(cursor: Json) -> Entry:
    return int(cursor.get("cursorLedger", -1)), int(cursor.get("cursorLedgerLastEntry", -1))


def _said(name: str, kept: Entry, mark: str) -> str:
    return f"{name} {kept[0]}:{kept[1]} {mark}"


def parsed(said: str) -> tuple[str, Entry, Entry]:
    """Return name, entry, and mark of what ``standing`` has noted; (-1, -1) for what it has not."""
    found = next((match for form in _SAID if (match := form.fullmatch(said))), None)
    name, kept, mark = found.groups("") if found else ("", "", "")
    return name, ledger_and_entry(kept), ledger_and_entry(mark)
