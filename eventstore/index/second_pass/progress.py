"""How far older events have the searchable values that are declared now."""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from django.utils import timezone

from eventstore.config.searchable_values import ValuesOf
from eventstore.extent import extent_now
from eventstore.index.lookup.progress import STALE
from eventstore.index.models import IndexedPartition, SecondPassRow
from eventstore.index.tables.declared import UNKNOWN, Declaration, declaration_by, definitions_of, parts, to_pass
from eventstore.model.events import Topic, TopicKind
from eventstore.model.progress import ValuesBuilt

FRESH = 2.0
"""Seconds for which an answer is given again: every page with the search box asks."""


class ValueProgress:
    """``desk.values``: what one process knows of it. Thread-safe: at worst two threads ask at the same time."""

    def __init__(self, values_of: ValuesOf | None) -> None:
        self._values_of = values_of
        self._known: tuple[float, Sequence[ValuesBuilt]] = (-FRESH, ())

    def of_topics(self) -> Sequence[ValuesBuilt]:
        """Return the topics in which some events lack a value or have one too many, by name. Within the extent that is asked
        for (``eventstore.extent``)."""
        at, found = self._known
        if time.monotonic() - at >= FRESH:
            found = values_built(self._values_of)
            self._known = (time.monotonic(), found)
        extent = extent_now()
        return found if extent is None else [one for one in found if extent.has_topic(one.topic)]

    def forget(self) -> None:
        self._known = (-FRESH, ())


def values_built(values_of: ValuesOf | None) -> Sequence[ValuesBuilt]:
    """Do as ``ValueProgress.of_topics``, without an extent."""
    rows = IndexedPartition.objects.filter(live=True, next_ordinal__gt=0)
    columns = ("topic", "kind", "pk", "declared", "next_ordinal", "gone_at", "ended_at")
    found = []
    for (topic, kind), some in groupby(rows.order_by("topic", "kind").values_list(*columns), key=lambda row: (row[0], row[1])):
        declaration = declaration_by(values_of, Topic(name=topic, kind=TopicKind(kind)))
        stretches = {
            pk: _parts(declared, end, declaration, has_log=gone_at is None and ended_at is None)
            for _, _, pk, declared, end, gone_at, ended_at in some
        }
        if any(of != declaration.fingerprint for of_row in stretches.values() for *_, of in of_row):
            found.append((topic, declaration, stretches))
    return [_built(*one) for one in found if one[1].fingerprint != UNKNOWN]


def _parts(text: str, end: int, declaration: Declaration, *, has_log: bool) -> list[tuple[int, int, str]]:
    """Return the row's stretches; what cannot be mended without its log counts as of the declaration of now."""
    left = set(to_pass(text, end, declaration, has_log=has_log))
    return [part if part in left else (*part[:2], declaration.fingerprint) for part in parts(text, end)]


def _built(topic: str, declaration: Declaration, stretches: dict[int, list[tuple[int, int, str]]]) -> ValuesBuilt:
    counts: Counter[str] = Counter()
    for of_row in stretches.values():
        for first, behind, fingerprint in of_row:
            counts[fingerprint] += behind - first
    then = definitions_of(set(counts))
    events = counts.total()
    by_name = {
        name: sum(count for of, count in counts.items() if then.get(of, {}).get(name) == definition)
        for name, definition in declaration.definitions.items()
    }
    rows = list(SecondPassRow.objects.filter(partition_id__in=list(stretches)))
    recent = [row for row in rows if row.moved_at is not None and timezone.now() - row.moved_at <= STALE]
    return ValuesBuilt(
        topic=topic,
        events=events,
        done=counts[declaration.fingerprint],
        by_name={name: count for name, count in by_name.items() if count < events},
        rate=sum(row.rate for row in recent),
        trouble=next((row.trouble for row in rows if row.trouble), ""),
        is_noted=any(of not in (UNKNOWN, declaration.fingerprint) for of in counts),
    )
