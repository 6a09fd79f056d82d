"""Rows of local projections whose key names one aggregate's id. What a row holds is the projection's own affair."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from eventstore.local.models import LONGEST_KEY, ValueRow


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalRows:
    """``rows`` of one local projection. ``live``: those that readers see; otherwise those of a build that is not finished."""

    projection: str
    rows: int
    live: bool


def local_rows(id: str) -> Sequence[LocalRows]:
    """Count the rows whose key is the id, or holds it between signs that are no letters or digits. Reads all keys."""
    if not id or len(id) > LONGEST_KEY or "\0" in id or any("\ud800" <= sign <= "\udfff" for sign in id):
        return []
    whole = rf"(^|[^0-9A-Za-z]){re.escape(id)}([^0-9A-Za-z]|$)"
    rows = ValueRow.objects.filter(key__contains=id, key__regex=whole)
    counts = (
        rows.values_list("build__projection", "build__live")
        .annotate(rows=Count("pk"))
        .order_by("build__projection", "build__live")
    )
    return [LocalRows(projection=name, rows=count, live=live) for name, live, count in counts]
