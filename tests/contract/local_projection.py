"""A local projection as a user would write it: the payloads of each aggregate, in order."""

from eventstore.local import Rows
from eventstore.model.events import Event


class Documents:
    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def apply(self, event: Event) -> None:
        there = self.rows.get(event.aggregate_id) or []
        self.rows.put(event.aggregate_id, [*there, event.data.decode()])
