"""People and scripts: their accounts and roles, their logins and tokens, and the logins that were tried."""

from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


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


class LoginSession(AbstractBaseSession):
    """What a browser's cookie stands for: Django's session, with the person whose login it holds. ``expire_date`` is when it
    ends if it is not used until then. ``last_used`` is right to a minute. Kept by ``dashboard.accounts.session_store``.
    """

    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, related_name="sessions")
    last_used = models.DateTimeField()

    @classmethod
    def get_session_store_class(cls) -> "type[SessionBase]":
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class RecoveryCode(models.Model):
    """What lets a person in once whose device is lost. ``hash`` is that of a random text, which nobody keeps."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="recovery_codes")
    hash = models.CharField(max_length=64, unique=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Purpose(models.TextChoices):
    """What a token opens."""

    TAIL = "tail", "live tail"
    METRICS = "metrics", "metrics"


class ApiToken(models.Model):
    """What a script shows instead of a login. ``hash`` is the SHA-256 of its text, which nobody keeps: with 32 random bytes in
    it, there is nothing to guess. ``last_used`` is right to a minute. Made and read through ``dashboard.access.tokens`` alone.

    ``topics`` and ``aggregate_types`` are lists of globs; empty, its role's scope is the token's.
    """

    name = models.CharField(max_length=150, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=20, choices=Role.choices)
    purpose = models.CharField(max_length=20, choices=Purpose.choices, default=Purpose.TAIL)
    topics = models.JSONField(default=list)
    aggregate_types = models.JSONField(default=list)
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
