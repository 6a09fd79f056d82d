"""From positions to ordinals: what lies between two places is counted by subtracting, never by counting rows."""

from collections.abc import Iterable, Sequence

from django.db import connections

from eventstore.events import Position
from eventstore.index.models import IndexedPartition, PointerRow

DB = "index"
TOKENS_A_STATEMENT = 5_000
"""Well under SQLite's 32,766 variables and PostgreSQL's 65,535."""


def ordinal_after(partition: IndexedPartition, position: Position | None, *, inclusive: bool = False) -> int:
    """The ordinal of the first event behind (``inclusive``: at or behind) a position, existing or not; 0 for none."""
    if position is None:
        return 0
    rows = PointerRow.objects.using(DB).filter(partition=partition)
    rows = rows.filter(token__lt=position.token) if inclusive else rows.filter(token__lte=position.token)
    last = rows.order_by("-token").values_list("ordinal", flat=True).first()
    return 0 if last is None else last + 1


def ordinals_after(partition: IndexedPartition, positions: Iterable[Position]) -> dict[Position, int]:
    """As ``ordinal_after``, for many positions of the partition at once: one query for each 5,000."""
    asked = list(dict.fromkeys(positions))
    found: dict[Position, int] = {}
    for start in range(0, len(asked), TOKENS_A_STATEMENT):
        some = asked[start : start + TOKENS_A_STATEMENT]
        last = _last_ordinals(partition, [position.token for position in some])
        found |= {position: last[number] + 1 for number, position in enumerate(some)}
    return found


def _last_ordinals(partition: IndexedPartition, tokens: Sequence[str]) -> Sequence[int]:
    """The ordinal at or before each token (-1 for none), in their order.

    A look into the index by token for each one, within one statement: it costs by the number of tokens, and not by how many
    events lie between them. The ORM cannot say it.
    """
    listed = ", ".join(f"({number}, %s)" for number in range(len(tokens)))
    statement = f"""
        WITH asked (number, token) AS (VALUES {listed})
        SELECT coalesce((SELECT ordinal FROM index_pointerrow
                         WHERE partition_id = %s AND index_pointerrow.token <= asked.token
                         ORDER BY index_pointerrow.token DESC LIMIT 1), -1)
        FROM asked ORDER BY number
    """  # noqa: S608 - made of placeholders and whole numbers alone
    with connections[DB].cursor() as cursor:
        cursor.execute(statement, [*tokens, partition.pk])
        return [row[0] for row in cursor.fetchall()]
