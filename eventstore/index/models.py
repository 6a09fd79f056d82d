"""The index's tables: pointers and counts, never a payload. The index can be dropped and rebuilt at any time.

Pointers lie in blocks. They are found through key tables, whose first column is a *segment* of the index's whole history, or
stands for many that are full (``segments``). New keys go only into the newest segment, whose part of the tree stays small, so
that the hundredth million is written as fast as the first. The keys are hashes: callers that read compare the text.
"""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactText(models.TextField):  # type: ignore[type-arg] # the class takes none when it runs
    """Text that is compared and ordered by code point, as SQLite and Python do.

    By default, PostgreSQL orders text by the database's language. An index in that order cannot serve a search for a prefix,
    and rows locked in that order are not locked in Python's order.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        ordered = {"collation": "C"} if connection.vendor == "postgresql" else {}
        return {**super().db_parameters(connection), **ordered}


class IndexedPartition(models.Model):
    """An indexed partition, with its checkpoint (the last token read) and its next ordinal.

    ``build`` counts how often the partition was indexed from the beginning. All queries read the ``live`` build. A lease
    (``owner``, until ``leased_until``) says who may write; ``epoch`` grows with each new owner. A replaced build keeps its
    row, whose ``kind`` then says that it is being removed, or was (``rebuild.remove_old``).
    """

    topic = ExactText()
    number = models.IntegerField()
    kind = models.CharField(max_length=16)
    build = models.IntegerField(default=0)
    live = models.BooleanField(default=True)
    checkpoint = models.TextField(default="")
    next_ordinal = models.BigIntegerField(default=0)
    segment = models.IntegerField(default=0)
    """The segment of its newest keys."""
    caught_up_at = models.DateTimeField(null=True)
    """The last known moment as of which everything was indexed."""
    indexed_published_at = models.DateTimeField(null=True)
    """When the last indexed event was published."""
    rate = models.FloatField(default=0.0)
    """Events a second that its indexer indexed lately, as of ``measured_at``."""
    behind = models.BigIntegerField(null=True)
    """Events after the checkpoint at that time; ``None`` if unknown."""
    behind_exact = models.BooleanField(default=False)  # the store counts events, and not what they are estimated from
    measured_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    """Since when the watched part of the store has not had this partition; ``None`` while it has."""
    incarnation = models.TextField(default="")
    """Which log of this name the checkpoint lies in, as the store tells it (``Log.incarnation``); empty if it does not."""
    anew = models.IntegerField(default=0)
    """How often the partition was made anew in the store before this row was begun."""
    ended_at = models.DateTimeField(null=True)
    """When the partition was found to be made anew: this row is of a log that is gone. It is read, and never written again."""
    ended_why = models.TextField(default="")  # what told, in words
    rewritten = models.IntegerField(default=0)
    """How often blocks of it were written again by somebody else than its writer, who then has to read the last one again."""
    counters = models.TextField(default="")
    """What the sequence numbers of its sources count (``tables.sequences``), as JSON; no source is named."""
    declared = models.TextField(default="")
    """From which ordinal on its events have the values of which declaration (``tables.declared``), as JSON."""
    trouble = models.TextField(default="")
    """Why its indexer has failed again and again behind the checkpoint; empty while it gets on. No payload."""
    trouble_since = models.DateTimeField(null=True)
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["topic", "number", "build", "anew"], name="one_row_a_build"),
            models.UniqueConstraint(
                fields=["topic", "number"], condition=models.Q(live=True, ended_at=None), name="one_live_build"
            ),
        ]


def current_partitions() -> "models.QuerySet[IndexedPartition]":
    """Return the rows that describe what the store has now. Those with ``ended_at`` are live as well: pages read them."""
    return IndexedPartition.objects.filter(live=True, ended_at=None)


class IndexerRow(models.Model):
    """A running indexer, at least ``until`` then. ``wants_more``: it has less than its share of the partitions."""

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
    """The last sequence number of each source (``tables.sequences.last_numbers``)."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["aggregate_id", "type", "partition"], name="one_row_a_stream")]
        indexes = [models.Index(fields=["type", "aggregate_id"], name="streams_by_type")]


class BlockRow(models.Model):
    """Up to ``blocks.FULL`` consecutive pointers of a partition."""

    pk = models.CompositePrimaryKey("partition_id", "first_ordinal")
    partition_id = models.BigIntegerField()
    first_ordinal = models.BigIntegerField()
    first_token = ExactText()
    segment = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["partition_id", "first_token"], name="blocks_by_token")]


class IdKey(models.Model):
    """The place of an event whose id has this hash."""

    pk = models.CompositePrimaryKey("segment", "hash", "partition_id", "ordinal")
    segment = models.IntegerField()
    hash = models.BigIntegerField()
    partition_id = models.BigIntegerField()
    ordinal = models.BigIntegerField()


class LinkKey(models.Model):
    """The place of an event that has this hash as its correlation id, causation id, original, or a searchable value."""

    pk = models.CompositePrimaryKey("segment", "hash", "partition_id", "ordinal")
    segment = models.IntegerField()
    hash = models.BigIntegerField()
    partition_id = models.BigIntegerField()
    ordinal = models.BigIntegerField()


class StreamKey(models.Model):
    """The ordinal of one event of a stream."""

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

    class Meta:
        indexes = [models.Index(fields=["type_id", "partition_id"], name="hours_by_type")]


class AnomalyRow(models.Model):
    """An anomaly of one event. ``detail`` is plain text, and holds no value of a payload."""

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
    """The one row with the secret that keys this index's hashes (see ``keys.Key``)."""

    id = models.IntegerField(primary_key=True)
    secret = models.BinaryField()


class SeenFilter(models.Model):
    """A Bloom filter of the event ids in a range of segments: it tells whether an id may be there."""

    first_segment = models.IntegerField(primary_key=True)
    last_segment = models.IntegerField()
    bits = models.BinaryField()


class MergingRow(models.Model):
    """The one row that says which is the first segment that is not merged (``segments``), and who merges: a lease."""

    id = models.IntegerField(primary_key=True)
    merged_to = models.IntegerField(default=0)
    owner = models.TextField(default="")
    leased_until = models.DateTimeField(null=True)


class BacklogRow(models.Model):
    """What was last seen of one topic's subscriptions (``data``: see ``eventstore.backlogs.stored``), as of ``as_of``.

    The row without a topic stands for all of them, and is a lease on asking. ``asked_at``: when all were last asked for;
    ``promised_until``: when they are again at the latest. ``reason`` says why newer figures are missing, if they are.
    """

    topic = ExactText(primary_key=True)
    data = models.BinaryField(default=b"")
    as_of = models.DateTimeField(null=True)
    reason = models.TextField(default="")
    asked_at = models.DateTimeField(null=True)
    promised_until = models.DateTimeField(null=True)
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)


class LookRow(models.Model):
    """One subscription, by its ``stored_name``, at one moment (milliseconds since 1970). A higher ``rank`` is kept longer."""

    topic = ExactText()
    name = ExactText()
    at = models.BigIntegerField()
    rank = models.SmallIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "name", "at"], name="one_look_a_moment")]
        indexes = [models.Index(fields=["rank", "at"], name="looks_by_age")]


class CursorTrack(models.Model):
    """What was seen of a subscription's cursor: its last places, and what it went over (``eventstore.delivery``), as JSON."""

    topic = ExactText()
    subscription = ExactText()
    partition = models.IntegerField()
    track = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "subscription", "partition"], name="one_track_a_cursor")]


class DeclaredRow(models.Model):
    """What a declaration of searchable values says: by name, a digest of its definition, as JSON. No path, and no key."""

    fingerprint = ExactText(primary_key=True)
    definitions = models.TextField()


class SecondPassRow(models.Model):
    """How the second pass over a partition's older events gets on. How far it is, ``IndexedPartition.declared`` tells."""

    partition_id = models.BigIntegerField(primary_key=True)
    rate = models.FloatField(default=0.0)  # events a second, as of ``moved_at``
    moved_at = models.DateTimeField(null=True)
    trouble = models.TextField(default="")
    """Why it does not get on; empty while it does. No payload."""
