"""Actions: everything that changes something. Each is checked against the access table, locks its resource, and is recorded.

A capability registers its action (``Action``, ``PlannedAction``); ``perform`` and ``perform_plan`` carry it out. People, locks
and the record are handed in as ``Safeguards``.
"""

from eventstore.actions.action import Action, Plan, PlannedAction, Undo, action_named, register, registered
from eventstore.actions.actor import Actor, Authorizer
from eventstore.actions.face import ActionFace
from eventstore.actions.lock import LEASE, Lease, Locks
from eventstore.actions.outcome import KEPT, Ending, Outcome, Part, outcome_of_error, reason_of
from eventstore.actions.partitions import ENDINGS, NOT_TRIED, carry_out, part_name
from eventstore.actions.perform import Confirmation, Performed, Record, Safeguards, no_limit, perform, perform_plan
from eventstore.actions.resource import (
    AGGREGATE,
    STORE,
    SUBSCRIPTION,
    TOPIC,
    AggregateName,
    FilterText,
    Resource,
    aggregate_resource,
    subscription_resource,
    topic_resource,
)
from eventstore.actions.running import Running

__all__ = [
    "AGGREGATE",
    "ENDINGS",
    "KEPT",
    "LEASE",
    "NOT_TRIED",
    "STORE",
    "SUBSCRIPTION",
    "TOPIC",
    "Action",
    "ActionFace",
    "Actor",
    "AggregateName",
    "Authorizer",
    "Confirmation",
    "Ending",
    "FilterText",
    "Lease",
    "Locks",
    "Outcome",
    "Part",
    "Performed",
    "Plan",
    "PlannedAction",
    "Record",
    "Resource",
    "Running",
    "Safeguards",
    "Undo",
    "action_named",
    "aggregate_resource",
    "carry_out",
    "no_limit",
    "outcome_of_error",
    "part_name",
    "perform",
    "perform_plan",
    "reason_of",
    "register",
    "registered",
    "subscription_resource",
    "topic_resource",
]
