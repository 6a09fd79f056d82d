"""Jobs that were asked for with one aggregate's id, such as replays of it; and those whose text may name a value."""

import json
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from eventstore.jobs.job import Job
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import job_of
from eventstore.model.errors import InvalidFilter
from eventstore.search import parse_filter

MOST_LOOKED_AT = 5_000
"""Jobs that are looked at, the newest ones."""
MOST_NAMED = 50
LONGEST_SOUGHT = 1_000
"""Characters of an id as JSON that the database is asked to find. The rest is compared here."""
Sees = Callable[[Job], bool]
BY_FILTER = '"kind":"filter"'
"""In the arguments of a replay by a filter, as ``jobs.rows.as_json`` writes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Jobs:
    """``ids`` of the newest of the ``found`` jobs, with their kind and state. ``complete``: every job was looked at.
    ``by_filter``: ids of those, of whatever aggregate, that chose events by a filter of payloads, whose text is kept."""

    found: int
    ids: Sequence[tuple[str, str, str]]
    complete: bool
    by_filter: Sequence[str]


def jobs_naming(type: str, id: str, *, sees: Sees | None = None) -> Jobs:
    """Look in the resource and the arguments of the newest jobs for the aggregate's type and id side by side, or as one
    resource's. ``sees``: the others count for nothing."""
    older = JobRow.objects.order_by("-number").values_list("number", flat=True)[MOST_LOOKED_AT : MOST_LOOKED_AT + 1].first()
    rows = JobRow.objects.filter(number__gt=older or 0).order_by("-number")
    written = json.dumps(id)[1:-1][:LONGEST_SOUGHT]
    some = rows.filter(Q(resource__contains=written) | Q(arguments__contains=written))
    told = some.values_list("id", "kind", "state", "resource", "arguments").iterator()
    mine = [row[:3] for row in told if _names(json.loads(row[3]), json.loads(row[4]), type, id)]
    filters = rows.filter(arguments__contains=BY_FILTER).values_list("id", "arguments").iterator()
    by_filter = [job for job, arguments in filters if _may_name_a_value(json.loads(arguments))]
    if sees is not None:
        seen = jobs_seen({*by_filter, *(row[0] for row in mine)}, sees)
        mine, by_filter = [row for row in mine if row[0] in seen], [job for job in by_filter if job in seen]
    return Jobs(found=len(mine), ids=mine[:MOST_NAMED], complete=older is None, by_filter=by_filter)


def jobs_seen(ids: Collection[str], sees: Sees) -> Set[str]:
    """Those of these ids whose jobs ``sees`` lets pass. An id of no job of this desk is none of them."""
    return {row.id for row in JobRow.objects.filter(id__in=ids).iterator() if sees(job_of(row))}


def _may_name_a_value(arguments: Any) -> bool:
    """Whether the filter of a replay's arguments looks at payloads, or is of another version of the program."""
    try:
        return parse_filter(str(arguments["what"]["filter"])).reads_payload
    except (KeyError, TypeError, InvalidFilter):
        return True


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
