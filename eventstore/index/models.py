"""The index's tables: pointers and counts, never a payload. It may be dropped and rebuilt at any time."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactText(models.TextField):  # type: ignore[type-arg] # the class takes none when it runs
    """Text that is compared and ordered character by character, by code point: as SQLite does, and as Python sorts.

    PostgreSQL would order it as people of the database's language do. An index in that order serves no search for a
    beginning, and rows locked in that order are not locked in Python's.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        ordered = {"collation": "C"} if connection.vendor == "postgresql" else {}
        return {**super().db_parameters(connection), **ordered}


class IndexedPartition(models.Model):
    """A partition that the index follows, with its checkpoint: the last token read and the ordinal that comes next."""

    topic = ExactText()
    number = models.IntegerField()
    kind = models.CharField(max_length=16)
    checkpoint = models.TextField(default="")
    next_ordinal = models.BigIntegerField(default=0)
    caught_up_at = models.DateTimeField(null=True)
    """When a reader last found nothing new behind the checkpoint."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "number"], name="one_row_a_partition")]


class AggregateRow(models.Model):
    type = ExactText()
    aggregate_id = ExactText()
    events = models.BigIntegerField(default=0)
    first_time = models.DateTimeField()
    last_time = models.DateTimeField()
    last_type = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["type", "aggregate_id"], name="one_row_an_aggregate")]
        indexes = [models.Index(fields=["aggregate_id", "type"], name="aggregates_by_id")]


class StreamRow(models.Model):
    """One aggregate in one partition. ``events`` is also the version of its last event."""

    aggregate = models.ForeignKey(AggregateRow, on_delete=models.CASCADE, related_name="streams")
    partition = models.ForeignKey(IndexedPartition, on_delete=models.CASCADE)
    events = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["aggregate", "partition"], name="one_row_a_stream")]


class PointerRow(models.Model):
    """Where one event lies, and what is needed to list it. ``stream`` and ``version`` are empty for copies in derived
    topics and for what fits no envelope."""

    partition = models.ForeignKey(IndexedPartition, on_delete=models.CASCADE)
    ordinal = models.BigIntegerField()
    token = ExactText()
    stream = models.ForeignKey(StreamRow, on_delete=models.CASCADE, null=True)
    version = models.BigIntegerField(null=True)
    event_id = ExactText()
    type = models.TextField()
    time = models.DateTimeField()
    published = models.DateTimeField()
    correlation_id = ExactText(null=True)
    causation_id = ExactText(null=True)
    size = models.IntegerField()
    unreadable = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partition", "ordinal"], name="ordinals_are_unique"),
            models.UniqueConstraint(fields=["stream", "version"], name="versions_are_unique"),
        ]
        indexes = [
            models.Index(fields=["partition", "token"], name="pointers_by_token"),
            models.Index(fields=["event_id"], name="pointers_by_event_id"),
            models.Index(
                fields=["correlation_id", "time"],
                name="pointers_by_correlation",
                condition=models.Q(correlation_id__isnull=False),
            ),
            models.Index(
                fields=["causation_id"], name="pointers_by_causation", condition=models.Q(causation_id__isnull=False)
            ),
            models.Index(fields=["published"], name="pointers_unreadable", condition=models.Q(unreadable=True)),
        ]
