"""Projections that live in this process: Python classes with ``apply(event)``, and their rows.

A class is made with the rows of one *build*. A replay builds fresh rows beside the live ones and then swaps them in one step.
Each call of a reader sees the old ones whole or the new ones whole::

    class Timeline:
        def __init__(self, rows: Rows) -> None:
            self.rows = rows

        def apply(self, event: Event) -> None:
            documents = self.rows.get(event.aggregate_id) or []
            self.rows.put(event.aggregate_id, [*documents, event.type])

``live_rows("timeline")`` are those to read. Code of a class never runs in a database transaction.

This package is a Django app, so it must be importable before its models are: what reads the tables is in
``eventstore.local.builds``.
"""

from eventstore.local.projection import LocalProjection, ProjectionNotFound, Rows, projection_class

__all__ = ["LocalProjection", "ProjectionNotFound", "Rows", "projection_class"]
