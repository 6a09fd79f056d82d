"""Jobs that name one aggregate: replays of it, and whatever else was asked for with its id."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.jobs.models import JobRow

MOST_LOOKED_AT = 5_000
"""Jobs that are looked at, the newest ones."""
MOST_NAMED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Jobs:
    """``ids`` of the newest of the ``found`` jobs, with their kind and state. ``complete``: every job was looked at."""

    found: int
    ids: Sequence[tuple[str, str, str]]
    complete: bool


def jobs_naming(type: str, id: str) -> Jobs:
    """Look in the resource and the arguments of the newest jobs for the aggregate's type and id side by side, or as one
    resource's."""
    rows = list(JobRow.objects.order_by("-number")[: MOST_LOOKED_AT + 1])
    mine = [row for row in rows[:MOST_LOOKED_AT] if _names(json.loads(row.resource), json.loads(row.arguments), type, id)]
    named = [(row.id, row.kind, row.state) for row in mine[:MOST_NAMED]]
    return Jobs(found=len(mine), ids=named, complete=len(rows) <= MOST_LOOKED_AT)


def _names(resource: Any, arguments: Any, type: str, id: str) -> bool:
    if isinstance(resource, dict) and (resource.get("aggregate_type"), resource.get("aggregate_id")) == (type, id):
        return True
    return _within(arguments, [type, id])


def _within(value: Any, pair: list[str]) -> bool:
    """Whether the pair lies anywhere in this JSON as a list of two."""
    if value == pair:
        return True
    if isinstance(value, dict):
        return any(_within(part, pair) for part in value.values())
    return isinstance(value, list) and any(_within(part, pair) for part in value)
