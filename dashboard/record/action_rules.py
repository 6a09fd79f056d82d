"""Exporting the record is an act of its own. Importing this module registers it."""

from dataclasses import replace

from dashboard.access.policy import TABLE, allow
from eventstore.actions import Action, Resource, Undo, register

RECORD = "record"

EXPORT_RECORD = register(
    Action(
        name="export_record",
        acts_on=frozenset({RECORD}),
        title="Export audit record",
        doing="is being exported",
        undo=Undo(possible=False, how="A file that was downloaded is out of reach."),
        exclusive=False,
    )
)
allow(EXPORT_RECORD, replace(TABLE["read_audit"], rows=200_000))


def record_resource() -> Resource:
    return Resource(kind=RECORD, name="audit record")
