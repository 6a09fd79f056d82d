"""Which declarations of searchable values each event of a partition was indexed under.

A partition row keeps *stretches*: from which ordinal on its events have the values of which declaration. New events get those
of the declaration that their writer knows, at once. Older stretches are passed over again, later (``second_pass``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

import msgspec

from eventstore.config.searchable_values import DeclaredValues, ValuesOf
from eventstore.index.models import DeclaredRow
from eventstore.index.tables import sql
from eventstore.model.events import Topic

FORM = "1"
"""Changes when a declaration gives other values than before."""
UNKNOWN = "?"
"""Stands for what nobody noted: by a version before there were stretches, or by an indexer whose declarations have no name."""
MOST_STRETCHES = 200
"""More than that become unknown, the oldest first: indexers with different configurations write in turn."""

Stretch = tuple[int, str]
"""From which ordinal on, and the fingerprint of the declaration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What is declared of one topic. ``definitions``: by name, a text that differs if what the name finds may differ."""

    fingerprint: str
    definitions: Mapping[str, str] = field(default_factory=dict)


NOTHING = Declaration(fingerprint="none")
UNNAMED = Declaration(fingerprint=UNKNOWN)


def declaration_by(values_of: ValuesOf | None, topic: Topic) -> Declaration:
    """Return what these declarations say of the topic."""
    if values_of is None:
        return NOTHING
    if not isinstance(values_of, DeclaredValues):
        return UNNAMED
    written = values_of.written_of(topic)
    if not written:
        return NOTHING
    by_name: dict[str, list[str]] = {}
    for text in written:
        by_name.setdefault(text.partition("\0")[0], []).append(text)
    return Declaration(
        fingerprint=_digest(written), definitions={name: _digest(texts) for name, texts in sorted(by_name.items())}
    )


def remember(declaration: Declaration) -> None:
    """Keep what the fingerprint stands for."""
    columns = {"fingerprint": "text", "definitions": "text"}
    written = msgspec.json.encode(declaration.definitions).decode()
    sql.insert("index_declaredrow", columns, [(declaration.fingerprint, written)], on_conflict="DO NOTHING")


def definitions_of(fingerprints: set[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the definitions by name of each of these fingerprints; those that nobody noted are left out."""
    rows = DeclaredRow.objects.filter(fingerprint__in=fingerprints - {UNKNOWN, NOTHING.fingerprint})
    found = {row.fingerprint: msgspec.json.decode(row.definitions, type=dict[str, str]) for row in rows}
    return {**found, NOTHING.fingerprint: {}}


def stretches_in(text: str) -> list[Stretch]:
    """Return the stretches that ``IndexedPartition.declared`` holds. The last one goes on to the end."""
    return msgspec.json.decode(text, type=list[Stretch]) if text else [(0, UNKNOWN)]


def kept(stretches: Sequence[Stretch]) -> str:
    """Return the text for these stretches."""
    joined: list[Stretch] = []
    for start, fingerprint in stretches:
        if not joined or joined[-1][1] != fingerprint:
            joined.append((start, fingerprint))
    if len(joined) > MOST_STRETCHES:
        joined = [(0, UNKNOWN), *joined[-MOST_STRETCHES // 2 :]]
    return msgspec.json.encode(joined).decode()


def begun(text: str, first: int, fingerprint: str) -> str:
    """Return the text after events from ordinal ``first`` on were written under this declaration."""
    if first == 0:
        return kept([(0, fingerprint)])
    stretches = stretches_in(text)
    return text if text and stretches[-1][1] == fingerprint else kept([*stretches, (first, fingerprint)])


def passed(text: str, start: int, end: int, fingerprint: str, next_ordinal: int) -> str:
    """Return the text after the events from ``start`` to ``end``, the latter excluded, were given these values."""
    found: list[Stretch] = []
    for first, behind, other in parts(text, next_ordinal):
        if first < min(start, behind):
            found.append((first, other))
        if max(first, end) < behind:
            found.append((max(first, end), other))
    return kept(sorted([*found, (start, fingerprint)]))


def parts(text: str, next_ordinal: int) -> list[tuple[int, int, str]]:
    """Return first ordinal, the one behind the last, and fingerprint of each stretch that has events."""
    stretches = [*stretches_in(text), (next_ordinal, "")]
    return [
        (first, min(behind, next_ordinal), of)
        for (first, of), (behind, _) in pairwise(stretches)
        if first < min(behind, next_ordinal)
    ]


def remaining(then: Mapping[str, str] | None, now: Declaration) -> Declaration:
    """Return the declaration of events that were of these definitions (``None``: nobody noted which), once they have lost what
    is not declared now, and got nothing, since their log cannot be read. So they are known again if it can be read later.

    ``UNKNOWN`` stands for the definition of a value of which nobody noted it.
    """
    if then is None:
        left = dict.fromkeys(now.definitions, UNKNOWN)
    else:
        left = {name: of for name, of in then.items() if name in now.definitions and of in (now.definitions[name], UNKNOWN)}
    if left == now.definitions:
        return now
    texts = [f"{name}\0{of}" for name, of in sorted(left.items())]
    return Declaration(fingerprint=_digest(["left", *texts]), definitions=left) if left else NOTHING


def to_pass(text: str, next_ordinal: int, now: Declaration, *, has_log: bool = True) -> list[tuple[int, int, str]]:
    """Return the ``parts`` whose events lack a value or have one too many. Without their log, they can only lose some."""
    others = [part for part in parts(text, next_ordinal) if part[2] != now.fingerprint]
    if has_log or not others:
        return others
    then = definitions_of({of for *_, of in others})
    return [part for part in others if remaining(then.get(part[2]), now).definitions != then.get(part[2])]


def first_other(text: str, next_ordinal: int, fingerprint: str) -> tuple[int, int, str] | None:
    """Return the first stretch under another declaration than this one; ``None`` if there is none."""
    return next((part for part in parts(text, next_ordinal) if part[2] != fingerprint), None)


def _digest(texts: Sequence[str]) -> str:
    return blake2b("\1".join([FORM, *texts]).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
