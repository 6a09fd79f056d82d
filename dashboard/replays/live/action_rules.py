"""Who may export a replay's report. Importing this module registers it."""

from dashboard.access.policy import TABLE, allow
from eventstore.actions import Action, Undo, register
from eventstore.jobs import JOB

EXPORT_REPLAY = register(
    Action(
        name="export_replay",
        acts_on=frozenset({JOB}),
        title="Export replay's report",
        doing="is being exported",
        undo=Undo(possible=False, how="A file that was downloaded cannot be taken back."),
        exclusive=False,
    )
)
"""It holds names, counts and times, and no value of an event."""

allow(EXPORT_REPLAY, TABLE["read_audit"])
