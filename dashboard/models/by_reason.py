"""What is seen and done for a stated reason: cases, their notes, and reveals."""

from datetime import UTC, datetime
from typing import ClassVar

from django.db import models

from dashboard.models.accounts import Person


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
