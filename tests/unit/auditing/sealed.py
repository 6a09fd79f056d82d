"""What the tests of seals share: a key, rows of the record in memory and in the database, and ways to tamper with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from dashboard.auditing.chain import BEGINNING
from dashboard.auditing.entries import Row, hash_of
from dashboard.auditing.seals.keys import PrivateKey, make_key, private_key
from dashboard.auditing.seals.marks import Seal
from dashboard.auditing.seals.merkle import Tree
from dashboard.auditing.verification import Break, Walk, rows
from dashboard.models import AuditEntry
from tests.unit.auditing.helpers import sql

NAME = "desk.example.org/record"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Tampering:
    """``change`` takes rows and a place (from 0). ``anew``: the chain is computed anew from there on, and holds by itself."""

    change: Callable[[list[Row], int], list[Row]]
    anew: bool = False


def key_in(folder: Path) -> PrivateKey:
    make_key(NAME, folder / "seal.key")
    return private_key(folder / "seal.key")


def seal_of(entries: Sequence[Row]) -> Seal:
    tree = Tree()
    for row in entries:
        tree.add(bytes.fromhex(row.hash))
    return Seal(size=len(entries), root=tree.root(), time=NOW)


def chained(entries: Sequence[Row], since: int = 0) -> list[Row]:
    """The rows with numbers and hashes that fit, from this place on."""
    done = list(entries[:since])
    for row in entries[since:]:
        previous = done[-1].hash if done else BEGINNING
        placed = row._replace(number=len(done) + 1, previous=previous)
        done.append(placed._replace(hash=hash_of(placed)))
    return done


def broken(entries: Sequence[Row], seals: Sequence[Seal]) -> Break | None:
    """What a verification says of these rows, if the head row names the last one."""
    walk = Walk(seals)
    return next((found for row in entries if (found := walk.step(row))), None) or walk.ended()


def _changed(entries: list[Row], place: int) -> list[Row]:
    return [*entries[:place], entries[place]._replace(actor="eve"), *entries[place + 1 :]]


def _swapped(entries: list[Row], place: int) -> list[Row]:
    other = place + 1 if place + 1 < len(entries) else place - 1
    numbered = {place: entries[other]._replace(number=place + 1), other: entries[place]._replace(number=other + 1)}
    return [numbered.get(at, row) for at, row in enumerate(entries)]


def _inserted(entries: list[Row], place: int) -> list[Row]:
    new = entries[place]._replace(act=UUID(int=7), actor="eve", previous="e" * 64)
    shifted = [row._replace(number=row.number + 1) for row in entries[place:]]
    return [*entries[:place], new, *shifted]


TAMPERINGS: Mapping[str, Tampering] = {
    "changed": Tampering(_changed),
    "removed": Tampering(lambda entries, place: entries[:place] + entries[place + 1 :]),
    "reordered": Tampering(_swapped),
    "inserted": Tampering(_inserted),
    "tail cut, head turned back": Tampering(lambda entries, place: entries[:place], anew=True),
    "changed, chain anew": Tampering(_changed, anew=True),
    "removed, chain anew": Tampering(lambda entries, place: entries[:place] + entries[place + 1 :], anew=True),
    "reordered, chain anew": Tampering(_swapped, anew=True),
    "inserted, chain anew": Tampering(_inserted, anew=True),
}


def tampered(name: str, entries: list[Row], place: int) -> list[Row]:
    tampering = TAMPERINGS[name]
    changed = tampering.change(entries, place)
    return chained(changed, min(place, len(changed), max(place - 1, 0))) if tampering.anew else changed


def put(entries: Sequence[Row]) -> None:
    """The record holds these rows, and its head names the last of them."""
    sql("DELETE FROM dashboard_auditentry")
    AuditEntry.objects.bulk_create(AuditEntry(**row._asdict()) for row in entries)
    last = entries[-1] if entries else None
    sql("UPDATE dashboard_audithead SET number = %s, hash = %s", last.number if last else 0, last.hash if last else BEGINNING)


def everything() -> list[Row]:
    return list(rows())
