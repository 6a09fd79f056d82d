"""The jobs and their workers. In the database ``default``, beside people and the record: a job belongs to a person."""

from typing import Any, ClassVar

from django.db import models

from eventstore.jobs.job import ENDED


class JobRow(models.Model):
    """One job. Read and written by this room alone.

    ``resource``, ``arguments``, ``checkpoint`` and ``facts`` are JSON in ASCII, so that any text survives any database. A
    lease (``owner``, until ``leased_until`` by the database's clock) says which worker has it. ``epoch`` grows with each
    taking, and nothing is written under another one.
    """

    number = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=16, unique=True)
    kind = models.CharField(max_length=60)
    state = models.CharField(max_length=20)
    resource = models.TextField()
    resource_key = models.CharField(max_length=64)
    busy = models.CharField(max_length=64, null=True, unique=True)
    """The resource's key while an exclusive job has not ended: at most one such job a resource."""
    arguments = models.TextField()
    checkpoint = models.TextField(default="{}")
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    rate = models.FloatField(null=True)
    throttle = models.FloatField(null=True)
    asker = models.TextField()
    via = models.TextField()
    reason = models.TextField()
    act = models.CharField(max_length=36, default="")
    wish = models.CharField(max_length=10, default="")
    stopped_by = models.TextField(default="")
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    """How often in a row the store could not be reached."""
    deaths = models.IntegerField(default=0)
    """How often in a row a worker took it and was not heard of again."""
    tidy = models.BooleanField(default=True)
    """Whether nothing of it is half done, as far as its runs said: only then can it be cancelled without another run."""
    asked = models.DateTimeField()
    started = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ending = models.CharField(max_length=12, default="")
    problem = models.TextField(default="")
    facts = models.TextField(default="{}")
    digest = models.TextField(default="")
    """The digest of the plan that somebody else has to approve; empty if nobody has to."""
    approve_by = models.DateTimeField(null=True)
    """Until when it may be approved; once it is, until when it must have begun."""
    approver = models.TextField(default="")
    approver_via = models.TextField(default="")
    approved = models.DateTimeField(null=True)
    recorded = models.BooleanField(default=True)
    """Whether the record knows how it ended."""

    class Meta:
        db_table = "job"
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["state", "number"], name="job_state"),
            models.Index(fields=["resource_key", "number"], name="job_resource"),
            models.Index(fields=["act"], name="job_act"),
            models.Index(fields=["recorded"], name="job_unrecorded", condition=models.Q(recorded=False)),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(busy=None) | ~models.Q(state__in=sorted(state.value for state in ENDED)),
                name="job_ended_is_not_busy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.state}"


class JobShareRow(models.Model):
    """A part of a job that one worker has at a time: with a lease, an epoch and a checkpoint of its own.

    ``leased_until`` is empty while no worker has it. ``owner`` is then the one that had it last.
    """

    job = models.ForeignKey(JobRow, on_delete=models.CASCADE, related_name="shares")
    name = models.CharField(max_length=40)
    checkpoint = models.TextField(default="{}")
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    rate = models.FloatField(null=True)
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    deaths = models.IntegerField(default=0)
    tidy = models.BooleanField(default=True)
    finished = models.BooleanField(default=False)
    refused = models.BooleanField(default=False)
    """Whether it cannot be done, as ``problem`` says: then its job fails."""
    problem = models.TextField(default="")

    class Meta:
        db_table = "job_share"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["job", "name"], name="job_share_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.job_id}"


class JobTurnRow(models.Model):
    """What a job went through by itself (``history``). ``share``: what of it; empty for the whole job."""

    job = models.ForeignKey(JobRow, on_delete=models.CASCADE, related_name="turns")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12)
    share = models.CharField(max_length=40, default="")
    why = models.TextField(default="")

    class Meta:
        db_table = "job_turn"

    def __str__(self) -> str:
        return f"{self.kind} of {self.job_id}"


class JobWorkerRow(models.Model):
    """A process that runs jobs, and the kinds that it knows (a JSON list)."""

    owner = models.TextField(primary_key=True)
    kinds = models.TextField()
    until = models.DateTimeField()

    class Meta:
        db_table = "job_worker"

    def __str__(self) -> str:
        return f"{self.owner} until {self.until}"
