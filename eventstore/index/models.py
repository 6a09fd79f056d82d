"""The index's tables: pointers and counts, never a payload. It may be dropped and rebuilt at any time.

Pointers lie in blocks (``blocks``); what finds them are the key tables, whose leading column is a *segment* of the index's
whole history: new keys go into the newest segment only, whose part of the tree stays small, so that writing stays as fast at
the hundredth million as at the first. Names in key tables are hashes; whoever reads checks the text that they stand for.
"""

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
    """A partition that the index follows, with its checkpoint (the last token read) and the ordinal that comes next.

    ``build`` numbers the times that it was indexed from the beginning; the ``live`` one is what everybody reads. A lease
    (``owner``, until ``leased_until``) says who may write; ``epoch`` grows with each new owner. A build that another one has
    replaced keeps its row, whose ``kind`` then says that it is being removed, or has been (``removing``).
    """

    topic = ExactText()
    number = models.IntegerField()
    kind = models.CharField(max_length=16)
    build = models.IntegerField(default=0)
    live = models.BooleanField(default=True)
    checkpoint = models.TextField(default="")
    next_ordinal = models.BigIntegerField(default=0)
    segment = models.IntegerField(default=0)
    """The segment that its newest keys lie in."""
    caught_up_at = models.DateTimeField(null=True)
    """A moment as of which everything was indexed: the last that is known."""
    indexed_published_at = models.DateTimeField(null=True)
    """When the last indexed event was published."""
    rate = models.FloatField(default=0.0)
    """Events a second that its indexer indexed lately, as of ``measured_at``."""
    behind = models.BigIntegerField(null=True)
    """Events that lay behind the checkpoint then; ``None`` where that is not known."""
    behind_exact = models.BooleanField(default=False)
    """Whether the store counts events: else ``behind`` is estimated from what it does count."""
    measured_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    """Since when the store, as far as it is watched, has had no such partition; ``None`` while it has."""
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["topic", "number", "build"], name="one_row_a_build"),
            models.UniqueConstraint(fields=["topic", "number"], condition=models.Q(live=True), name="one_live_build"),
        ]


class IndexerRow(models.Model):
    """An indexer that lives, at least ``until`` then. ``wants_more``: it has less than its share of the partitions."""

    owner = ExactText(primary_key=True)
    wants_more = models.BooleanField()
    until = models.DateTimeField()


class NameRow(models.Model):
    """An event type or aggregate type, by number."""

    text = ExactText(unique=True)


class StreamRow(models.Model):
    """One aggregate in one partition. ``events`` is also the version of its last event. Times are microseconds since 1970."""

    partition = models.ForeignKey(IndexedPartition, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    type = models.ForeignKey(NameRow, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    aggregate_id = ExactText()
    events = models.BigIntegerField()
    first_segment = models.IntegerField()
    first_time = models.BigIntegerField()
    last_time = models.BigIntegerField()
    """The latest time of an event of the stream."""
    last_types = models.TextField()
    """The numbers of its latest events' types, newest first."""
    last_sequence = models.TextField(default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["aggregate_id", "type", "partition"], name="one_row_a_stream")]
        indexes = [models.Index(fields=["type", "aggregate_id"], name="streams_by_type")]


class BlockRow(models.Model):
    """Up to ``blocks.FULL`` pointers of a partition, one after the other."""

    pk = models.CompositePrimaryKey("partition_id", "first_ordinal")
    partition_id = models.BigIntegerField()
    first_ordinal = models.BigIntegerField()
    first_token = ExactText()
    segment = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["partition_id", "first_token"], name="blocks_by_token")]


class IdKey(models.Model):
    """Where events lie whose id has this hash."""

    pk = models.CompositePrimaryKey("segment", "hash", "partition_id", "ordinal")
    segment = models.IntegerField()
    hash = models.BigIntegerField()
    partition_id = models.BigIntegerField()
    ordinal = models.BigIntegerField()


class LinkKey(models.Model):
    """Where events lie that are tied to this hash: by correlation, causation, an original, or a searchable value."""

    pk = models.CompositePrimaryKey("segment", "hash", "partition_id", "ordinal")
    segment = models.IntegerField()
    hash = models.BigIntegerField()
    partition_id = models.BigIntegerField()
    ordinal = models.BigIntegerField()


class StreamKey(models.Model):
    """The ordinals of a stream's events."""

    pk = models.CompositePrimaryKey("segment", "stream_id", "ordinal")
    segment = models.IntegerField()
    stream_id = models.BigIntegerField()
    ordinal = models.BigIntegerField()


class TypeCount(models.Model):
    """How many streams and events an aggregate type has in a partition."""

    pk = models.CompositePrimaryKey("partition_id", "type_id")
    partition_id = models.BigIntegerField()
    type_id = models.BigIntegerField()
    streams = models.BigIntegerField()
    events = models.BigIntegerField()
    last_time = models.BigIntegerField()


class HourCount(models.Model):
    """How many events of a type happened in an hour (hours since 1970, UTC, by the event's own time)."""

    pk = models.CompositePrimaryKey("partition_id", "hour", "type_id")
    partition_id = models.BigIntegerField()
    type_id = models.BigIntegerField()
    hour = models.BigIntegerField()
    events = models.BigIntegerField()


class AnomalyRow(models.Model):
    """Something that the index noticed about one event. ``detail`` is in plain words and holds no value of a payload."""

    partition = models.ForeignKey(IndexedPartition, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    ordinal = models.BigIntegerField()
    kind = models.CharField(max_length=24)
    stream_id = models.BigIntegerField(null=True)
    detail = models.TextField(default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partition", "ordinal", "kind"], name="one_row_an_anomaly")]
        indexes = [
            models.Index(fields=["kind", "id"], name="anomalies_by_kind"),
            models.Index(fields=["stream_id"], name="anomalies_by_stream", condition=models.Q(stream_id__isnull=False)),
        ]


class AnomalyCount(models.Model):
    """How many anomalies of a kind a partition has."""

    pk = models.CompositePrimaryKey("partition_id", "kind")
    partition_id = models.BigIntegerField()
    kind = models.CharField(max_length=24)
    events = models.BigIntegerField()


class IndexSecret(models.Model):
    """One row: what the hashes of this index are keyed with (see ``keys.Key``)."""

    id = models.IntegerField(primary_key=True)
    secret = models.BinaryField()


class SeenFilter(models.Model):
    """A Bloom filter over the event ids of a range of segments: whether an id may have been there before."""

    first_segment = models.IntegerField(primary_key=True)
    last_segment = models.IntegerField()
    bits = models.BinaryField()
