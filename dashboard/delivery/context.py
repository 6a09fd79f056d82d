"""What the templates of a page need for delivery."""

from collections.abc import Sequence
from typing import Any

from dashboard.delivery.columns import columns_of, not_yet, waiting_here
from dashboard.delivery.dead_lettered import dead_lettered
from dashboard.delivery.figures import Figures, figures_for
from dashboard.delivery.panel import panel_of
from dashboard.gateway import desk
from eventstore.model import Aggregate, Pointer
from eventstore.streams import Row


def of_aggregate(aggregate: Aggregate, rows: Sequence[Row], selected: Row | None, figures: Figures | None) -> dict[str, Any]:
    """For an aggregate's page: the columns beside ``rows``, what waits in words, and the delivery of the selected event."""
    if figures is None:
        return {"stream_cells": [""] * len(rows), "columns": None, "delivery_unknown": desk().subscriptions.supported}
    figures.book.of([row.pointer for row in rows if row.pointer is not None])  # once for all that follows
    waiting = waiting_here(figures, aggregate.type, aggregate.id)
    columns = columns_of(figures, rows, waiting)
    panel = panel_of(figures, selected.pointer, selected.position.topic, waiting) if selected else None
    return {
        "columns": columns,
        "stream_cells": columns.rows,
        "not_yet": not_yet(aggregate.type, aggregate.id, waiting),
        "dead_lettered": dead_lettered(aggregate.type, aggregate.id, rows, figures),
        "delivery": panel,
        "delivery_asking": figures.asking,
    }


def of_event(pointer: Pointer | None, topic: str) -> dict[str, Any]:
    """For an event's page."""
    figures = figures_for([topic])
    if figures is None:
        return {"delivery_unknown": desk().subscriptions.supported}
    named = pointer is not None and pointer.aggregate_id and pointer.version is not None
    waiting = waiting_here(figures, pointer.aggregate_type, pointer.aggregate_id) if pointer is not None and named else ()
    return {"delivery": panel_of(figures, pointer, topic, waiting), "delivery_asking": figures.asking}
