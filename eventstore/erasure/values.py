"""The searchable values of one aggregate in the index: how many under each name, and whether they are forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.forgotten.memory import forgotten_since
from eventstore.index.lookup.value_lookup import count_values

MOST_BLOCKS = 2_000
"""Blocks of the index that a page opens: at most half a million events where the aggregate's lie close together, and some two
thousand where they are scattered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValuesFound:
    """``values`` by name, in the ``events`` that were looked at: all of them, if it is ``complete``. ``forgotten``: since when
    none is kept; values that are there all the same are left of a removal that was cut off."""

    values: Mapping[str, int]
    events: int
    complete: bool
    forgotten: datetime | None

    @property
    def by_name(self) -> Sequence[tuple[str, int]]:
        """As pairs, for templates: a name may be that of a method."""
        return list(self.values.items())

    @property
    def total(self) -> int:
        return sum(self.values.values())


def values_found(type: str, id: str) -> ValuesFound:
    """Look in a bounded number of blocks."""
    counted = count_values(type, id, most_blocks=MOST_BLOCKS)
    return ValuesFound(
        values=dict(sorted(counted.values.items())),
        events=counted.events,
        complete=counted.complete,
        forgotten=forgotten_since(type, id),
    )
