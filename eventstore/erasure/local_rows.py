"""Rows of local projections whose key names one aggregate's id. What a row holds is the projection's own affair."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.local.models import LONGEST_KEY, ValueRow

MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalRows:
    """``rows`` of one local projection. ``live``: those that readers see; otherwise those of a build that is not finished."""

    projection: str
    rows: int
    live: bool


def local_rows(id: str) -> Sequence[LocalRows]:
    """Count the rows whose key is the id, or holds it between signs that are no letters or digits."""
    if not id or len(id) > LONGEST_KEY or "\0" in id or any("\ud800" <= sign <= "\udfff" for sign in id):
        return []
    whole = re.compile(rf"(?<![0-9A-Za-z]){re.escape(id)}(?![0-9A-Za-z])")
    rows = ValueRow.objects.filter(key__contains=id).values_list("build__projection", "build__live", "key")
    counts: dict[tuple[str, bool], int] = {}
    for projection, live, key in rows[:MOST_LOOKED_AT]:
        if whole.search(key):
            counts[projection, live] = counts.get((projection, live), 0) + 1
    return [LocalRows(projection=name, rows=count, live=live) for (name, live), count in sorted(counts.items())]
