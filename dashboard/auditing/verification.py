"""Whether the audit record still stands as it was written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard.auditing.chain import BEGINNING
from dashboard.auditing.entries import HASH_VERSION, Row, hash_of
from dashboard.auditing.old_entries import columns_of_old, searched_columns_of_old
from dashboard.auditing.seals.marks import Seal
from dashboard.auditing.seals.merkle import Tree
from dashboard.models import AuditEntry, AuditHead

STEP = 5000
"""Entries read at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """The first entry at which the record does not hold. ``number`` is where it was noticed."""

    number: int
    reason: str


def rows(after: int = 0, until: int | None = None) -> Iterator[Row]:
    """The record's entries in order, after this number and up to that one, ``STEP`` of them in memory."""
    while True:
        found = AuditEntry.objects.filter(number__gt=after).order_by("number")
        if until is not None:
            found = found.filter(number__lte=until)
        read = list(found.values_list(*Row._fields)[:STEP])
        yield from map(Row._make, read)
        if len(read) < STEP:
            return
        after = read[-1][0]


def rows_of(acts: Sequence[UUID]) -> Sequence[Row]:
    """All entries of these acts, in order."""
    found = AuditEntry.objects.filter(act__in=acts).order_by("number")
    return list(map(Row._make, found.values_list(*Row._fields)))


def verify(seals: Sequence[Seal] = (), seen: Callable[[Row], None] | None = None) -> Break | None:
    """Walk the whole chain; the first break, or ``None`` where every entry stands as written, and as each seal says.

    ``seen`` is called with each entry that holds.
    """
    head = _head()
    walk = Walk(seals)
    for row in rows():
        broken = walk.step(row) or _not_the_head(row, head)
        if broken:
            return broken
        if seen is not None:
            seen(row)
    return _head_break(walk.number, walk.hash, head) or walk.ended()


class Walk:
    """The way through the chain, from its first entry on.

    ``number`` and ``hash`` are those of the last entry. With seals, ``tree`` holds the hashes of all entries so far.
    """

    def __init__(self, seals: Sequence[Seal] = (), *, tree: Tree | None = None) -> None:
        self.number, self.hash = 0, BEGINNING
        self.tree = tree if tree is not None or not seals else Tree()
        self._held = 0
        self._seals = sorted(seals, key=lambda seal: seal.size, reverse=True)

    def step(self, row: Row) -> Break | None:
        """Go to the next entry; what is wrong there, if anything is."""
        if row.number != self.number + 1:
            return Break(number=min(row.number, self.number + 1), reason=_missing(self.number + 1, row.number - 1))
        if row.previous != self.hash:
            return Break(number=row.number, reason="it does not continue the entry before it: moved or replaced")
        if row.hash != hash_of(row) or not _columns_are_its_own(row):
            return Break(number=row.number, reason="its content was changed after it was written")
        self.number, self.hash = row.number, row.hash
        if self.tree is not None:
            self.tree.add(bytes.fromhex(row.hash))
            return self._sealed()
        return None

    def ended(self) -> Break | None:
        """Whether a seal counts more entries than there were."""
        longest = max((seal.size for seal in self._seals), default=0)
        if longest <= self.number:
            return None
        said = _missing(self.number + 1, longest)
        since = f", or the chain was computed anew after entry {self._held}" if self._held < self.number else ""
        why = f"a seal counts {longest} entries. The newest were cut off{since}"
        return Break(number=self.number + 1, reason=f"{said}: {why}")

    def _sealed(self) -> Break | None:
        while self._seals and self._seals[-1].size <= self.number:
            seal = self._seals.pop()
            if seal.size == self.number and self.tree is not None and seal.root != self.tree.root():
                return Break(number=self._held + 1, reason=_other_than(seal, self._held + 1))
            self._held = seal.size
        return None


def _other_than(seal: Seal, first: int) -> str:
    entries = f"entry {first} is" if first == seal.size else f"entries {first} to {seal.size} are"
    return f"{entries} not what the seal of {seal.time_text} counted: the chain was computed anew there"


def _not_the_head(row: Row, head: AuditHead | None) -> Break | None:
    if head is None or row.number != head.number or row.hash == head.hash:
        return None
    return Break(number=row.number, reason="it is not the entry that the head row names")


def _columns_are_its_own(row: Row) -> bool:
    """The hash of an entry of today covers all its columns but ``scope``, which it leaves empty. That of an older one covers
    what its other columns are made of."""
    if row.hash_version == HASH_VERSION:
        return row.scope == ""
    made = searched_columns_of_old(state=row.state, details=row.details)
    if row.hash_version == 1:
        made |= columns_of_old(state=row.state, action=row.action, scope=row.scope, details=row.details)
        made["pid_namespace"] = ""
    return all(getattr(row, name) == value for name, value in made.items())


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
