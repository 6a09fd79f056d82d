"""People and scripts: their accounts and roles, their tokens, and the logins that were tried."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What somebody is here for. The access table (``dashboard.access.policy``) says what each role may do."""

    OUTSIDER = "", "no access"
    VIEWER = "viewer", "viewer"
    SUPPORT = "support", "support"
    APPROVER = "approver", "approver"
    PRIVACY = "privacy", "privacy officer"
    AUDITOR = "auditor", "auditor"
    ADMIN = "admin", "admin"


class Person(AbstractUser):
    """An account. Only ``role`` and ``is_active`` decide access: Django's staff and superuser marks mean nothing here."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.OUTSIDER, blank=True)


class ApiToken(models.Model):
    """What a script shows instead of a login. ``hash`` is the SHA-256 of its text, which nobody keeps: with 32 random bytes in
    it, there is nothing to guess. ``last_used`` is right to a minute. Made and read through ``dashboard.access.tokens`` alone.
    """

    name = models.CharField(max_length=150, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=20, choices=Role.choices)
    made = models.DateTimeField()
    ends = models.DateTimeField()
    revoked = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"

    def in_force(self, now: datetime) -> bool:
        return self.revoked is None and now < self.ends

    def get_username(self) -> str:
        """How it is named where people are; no account's name holds a space."""
        return f"{self.name} (API token)"


class LoginAttempt(models.Model):
    """A password that was tried, under each key that is limited: the name, and the address. One that was right is removed.
    Failures without an account have another row, under one key for all, while they are recorded.

    Written by ``dashboard.access.login_limit`` alone. ``key`` never holds a name that no account has: it may be a password.
    """

    key = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key", "at"], name="login_attempt_key"),
            models.Index(fields=["at"], name="login_attempt_at"),
        ]

    def __str__(self) -> str:
        return f"{self.key} at {self.at}"
