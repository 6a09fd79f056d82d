"""What ``default`` holds of this project's own: people, and the record of what they did."""

from dashboard.models.accounts import ApiToken, LoginAttempt, LoginSession, Person, Purpose, RecoveryCode, Role
from dashboard.models.alerts import Alert, AlertMessage
from dashboard.models.by_reason import Case, CaseNote, Reveal
from dashboard.models.provider_logins import ProviderLogin
from dashboard.models.record import AppendOnly, AuditEntry, AuditHead, Refusal, ResourceLock, State

__all__ = [
    "Alert",
    "AlertMessage",
    "ApiToken",
    "AppendOnly",
    "AuditEntry",
    "AuditHead",
    "Case",
    "CaseNote",
    "LoginAttempt",
    "LoginSession",
    "Person",
    "ProviderLogin",
    "Purpose",
    "RecoveryCode",
    "Refusal",
    "ResourceLock",
    "Reveal",
    "Role",
    "State",
]
