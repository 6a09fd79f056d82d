"""What ``default`` holds of this project's own: people, and the record of what they did."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Never

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


class State(models.TextChoices):
    """How far an act has come. An act is *intended* first; what a crash left so is settled as *unknown*."""

    INTENDED = "intended", "intended"
    DONE = "done", "done"
    PARTLY_DONE = "partly done", "partly done"
    FAILED = "failed", "failed"
    UNKNOWN = "unknown", "unknown"


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Refuses what would rewrite history by accident; against purpose there is the chain."""

    def update(self, **values: Any) -> Never:
        raise TypeError("entries of the audit record are never changed")

    def delete(self) -> Never:
        raise TypeError("entries of the audit record are never removed")


class AuditEntry(models.Model):
    """One line of the audit record, chained to the line before it. Written by ``dashboard.auditing.chain`` alone.

    ``hash_version`` says which fields the hash covers: 1 those of the first release, where ``scope`` names the resource in one
    text; 2 and 3 all but the hash itself. ``begins`` marks an act's first entry. ``kind`` to ``name`` are the fields of
    ``eventstore.actions.Resource``. ``reason`` and ``ticket`` are those of the details of a first entry. ``details`` is
    canonical JSON as text, since the hash covers every character of it. ``host`` to ``pid_namespace`` name the process that
    wrote the line.
    """

    number = models.BigIntegerField(primary_key=True)
    hash_version = models.PositiveSmallIntegerField(default=1)
    act = models.UUIDField()
    state = models.CharField(max_length=12, choices=State.choices)
    begins = models.BooleanField(default=False)
    actor = models.TextField()
    via = models.TextField()
    action = models.TextField()
    kind = models.TextField(default="")
    topic = models.TextField(default="")
    subscription = models.TextField(default="")
    aggregate_type = models.TextField(default="")
    aggregate_id = models.TextField(default="")
    name = models.TextField(default="")
    scope = models.TextField(default="")
    reason = models.TextField(default="")
    ticket = models.TextField(default="")
    details = models.TextField()
    written = models.DateTimeField()
    host = models.TextField()
    pid = models.BigIntegerField()
    process_start = models.TextField()
    pid_namespace = models.TextField(default="")
    previous = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["number"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["act"], name="audit_act"),
            models.Index(fields=["number"], name="audit_intended", condition=models.Q(state="intended")),
            models.Index(fields=["number"], name="audit_begins", condition=models.Q(begins=True)),
            models.Index(fields=["written"], name="audit_written", condition=models.Q(begins=True)),
            models.Index(fields=["actor", "number"], name="audit_actor", condition=models.Q(begins=True)),
            models.Index(fields=["action", "number"], name="audit_action", condition=models.Q(begins=True)),
            models.Index(fields=["topic", "number"], name="audit_topic", condition=models.Q(begins=True)),
            models.Index(fields=["subscription", "number"], name="audit_subscription", condition=models.Q(begins=True)),
            models.Index(fields=["aggregate_id", "number"], name="audit_aggregate", condition=models.Q(begins=True)),
            models.Index(fields=["name", "number"], name="audit_name", condition=models.Q(begins=True)),
            models.Index(fields=["ticket", "number"], name="audit_ticket", condition=models.Q(begins=True)),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state} {self.action} by {self.actor}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("entries of the audit record are never changed")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> Never:
        raise TypeError("entries of the audit record are never removed")


class AuditHead(models.Model):
    """The one row that every writer of the record locks: the number and hash of the last entry, and the hash before it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    previous = models.CharField(max_length=64, default="")
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class ResourceLock(models.Model):
    """Who is acting on a resource at this moment: at most one. Taken and given by ``dashboard.auditing.resource_locks`` alone.

    ``resource`` is ``Resource.key``. ``lease`` names this very taking of it. The lock ends at ``until`` by the database's
    clock, whatever has become of its holder.
    """

    resource = models.CharField(max_length=64, primary_key=True)
    lease = models.UUIDField()
    actor = models.TextField()
    doing = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    host = models.TextField()
    pid = models.BigIntegerField()
    process_start = models.TextField()
    pid_namespace = models.TextField()

    def __str__(self) -> str:
        return f"{self.resource} by {self.actor} until {self.until}"


class Refusal(models.Model):
    """What somebody may not do and tried again lately. The first time is an entry of the record; ``more`` were counted since,
    and become one entry once ``until`` is over. Written by ``dashboard.auditing.refusals`` alone.

    ``key`` names who, what and from where. ``entry`` is the JSON of what the entry will say.
    """

    key = models.CharField(max_length=64, primary_key=True)
    until = models.DateTimeField()
    more = models.PositiveIntegerField(default=0)
    entry = models.TextField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["until"], name="refusal_until")]

    def __str__(self) -> str:
        return f"{self.more} more until {self.until}"


class Case(models.Model):
    """What one person does for one ticket. It is open until ``closed`` is set or ``ends`` is past; a person has one open case.

    ``after`` is the record's last entry when it was opened: what belongs to the case comes later. Opened and closed through
    ``dashboard.privacy.by_reason.cases`` alone.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="cases")
    ticket = models.CharField(max_length=200)
    reason = models.TextField()
    opened = models.DateTimeField()
    ends = models.DateTimeField()
    closed = models.DateTimeField(null=True)
    how_closed = models.CharField(max_length=20, default="")
    after = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person"], condition=models.Q(closed=None), name="one_open_case"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["opened"], name="case_opened")]

    def __str__(self) -> str:
        return f"case {self.pk} for {self.ticket}"


class CaseNote(models.Model):
    """What somebody wrote down in a case. Only that there is one is on the record, so that a note can be erased."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField()
    written = models.DateTimeField()

    def __str__(self) -> str:
        return f"note of case {self.case_id} at {self.written}"


class Reveal(models.Model):
    """Masked values that one login of one person sees until ``ends``, for a stated reason. Never a value itself.

    ``kind`` is "field", "event" or "aggregate"; what does not apply is empty. ``session`` is a hash of the login's key.
    ``told`` says whether an emergency was mailed. Begun and ended through ``dashboard.privacy.by_reason.reveals`` alone.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="reveals")
    role = models.CharField(max_length=20)
    session = models.CharField(max_length=64)
    kind = models.CharField(max_length=12)
    topic = models.TextField(default="")
    aggregate_type = models.TextField(default="")
    aggregate_id = models.TextField(default="")
    event_id = models.TextField(default="")
    path = models.TextField(default="")
    reason = models.TextField()
    ticket = models.CharField(max_length=200)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="reveals")
    emergency = models.BooleanField(default=False)
    address = models.CharField(max_length=64, default="")
    begun = models.DateTimeField()
    ends = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    how_ended = models.CharField(max_length=20, default="")
    told = models.CharField(max_length=20, default="")
    seen = models.DateTimeField(null=True)
    seen_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["session", "ends"], name="reveal_session"),
            models.Index(fields=["begun"], name="reveal_begun"),
            models.Index(fields=["case"], name="reveal_of_case"),
            models.Index(fields=["seen"], condition=models.Q(emergency=True), name="reveal_unseen"),
        ]

    def __str__(self) -> str:
        return f"reveal {self.pk} of one {self.kind}"

    @property
    def seconds_left(self) -> int:
        return self.milliseconds_left // 1000 + 1

    @property
    def milliseconds_left(self) -> int:
        return max(0, int((self.ends - datetime.now(UTC)).total_seconds() * 1000))
