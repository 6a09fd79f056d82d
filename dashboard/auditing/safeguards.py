"""What every action of this installation passes: the access table, the locks and the record."""

from dashboard.access.policy import may
from dashboard.auditing.chain import DatabaseRecord
from dashboard.auditing.resource_locks import DatabaseLocks
from eventstore.actions import Safeguards

SAFEGUARDS = Safeguards(authorizer=may, locks=DatabaseLocks(), record=DatabaseRecord())
