"""Who may do what to a job. Importing this module registers it."""

from dashboard.access.policy import HELPERS, Rule, allow
from dashboard.models import Role
from eventstore.jobs import APPROVE_JOB, CANCEL_JOB, PAUSE_JOB, RESUME_JOB, THROTTLE_JOB

for action in (PAUSE_JOB, RESUME_JOB, CANCEL_JOB, THROTTLE_JOB):
    allow(action, Rule(roles=HELPERS))
allow(APPROVE_JOB, Rule(roles=frozenset({Role.APPROVER, Role.ADMIN})))
