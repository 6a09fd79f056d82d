"""The record of what people did, who is at it now, and the refusals that are still counted."""

from typing import Any, ClassVar, Never

from django.db import models


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
            models.Index(fields=["aggregate_type"], name="audit_aggregate_type", condition=models.Q(begins=True)),
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
