"""The embedded store's tables. Nobody but this driver reads or writes them.

Numbers of a partition are gapless from 0 and nothing is deleted, so a backlog is arithmetic over numbers and never a count
of rows. Keys and event ids may be longer than an index of PostgreSQL takes (2,704 bytes), so their hashes are indexed and the
text is compared as well.
"""

from typing import ClassVar

from django.db import models


class TopicRow(models.Model):
    name = models.CharField(max_length=255, unique=True)
    partitions = models.PositiveIntegerField()

    class Meta:
        db_table = "store_topic"


class PartitionRow(models.Model):
    """A shard and its counter. An append holds this row for its whole transaction: position order is commit order."""

    topic = models.ForeignKey(TopicRow, on_delete=models.CASCADE, related_name="partition_rows")
    number = models.PositiveIntegerField()
    next_number = models.BigIntegerField(default=0)
    last_published = models.DateTimeField(null=True)

    class Meta:
        db_table = "store_partition"
        constraints: ClassVar = [models.UniqueConstraint(fields=["topic", "number"], name="store_partition_once")]


class MessageRow(models.Model):
    # Never read by its own id: (partition, number) is its name, so no third number is kept for it.
    pk = models.CompositePrimaryKey("partition_id", "number")
    partition = models.ForeignKey(PartitionRow, on_delete=models.CASCADE, related_name="messages", db_index=False)
    number = models.BigIntegerField()
    key = models.TextField(null=True)
    key_hash = models.BigIntegerField(null=True)
    """``routing.java_string_hash`` of the key."""
    properties = models.TextField(default="{}")
    """A JSON object of texts, in ASCII: any character survives any database's encoding."""
    payload = models.BinaryField()
    published = models.DateTimeField()
    """Never earlier than that of the message before it in the partition, whatever the clock did."""
    event_time = models.DateTimeField(null=True)
    event_id = models.TextField(null=True)
    event_id_hash = models.BigIntegerField(null=True)

    class Meta:
        db_table = "store_message"
        indexes: ClassVar = [
            models.Index(fields=["partition", "published", "number"], name="store_message_by_time"),
            models.Index(fields=["partition", "key_hash"], name="store_message_by_key"),
            models.Index(
                fields=["event_id_hash"], name="store_message_by_event_id", condition=models.Q(event_id_hash__isnull=False)
            ),
        ]


class SubscriptionRow(models.Model):
    """A named reader group. Whoever receives, acknowledges, joins or resets holds this row meanwhile."""

    topic = models.ForeignKey(TopicRow, on_delete=models.CASCADE, related_name="subscription_rows")
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=16)
    resets = models.PositiveIntegerField(default=0)
    """How often its cursor was reset: what was received before a reset can no longer be acknowledged."""
    moved = models.DateTimeField(null=True)
    delivered = models.DateTimeField(null=True)

    class Meta:
        db_table = "store_subscription"
        constraints: ClassVar = [models.UniqueConstraint(fields=["topic", "name"], name="store_subscription_once")]


class CursorRow(models.Model):
    subscription = models.ForeignKey(SubscriptionRow, on_delete=models.CASCADE, related_name="cursor_rows")
    partition = models.ForeignKey(PartitionRow, on_delete=models.CASCADE, related_name="+")
    acknowledged = models.BigIntegerField(default=-1)
    """Everything up to and including this number is acknowledged; -1: nothing."""
    holes = models.TextField(default="[]")
    """What is acknowledged beyond it, as JSON: disjoint ``[first, last]`` pairs in order, both ends included."""
    moved = models.DateTimeField(null=True)
    """When ``acknowledged`` last moved."""

    class Meta:
        db_table = "store_cursor"
        constraints: ClassVar = [models.UniqueConstraint(fields=["subscription", "partition"], name="store_cursor_once")]


class MemberRow(models.Model):
    """A connected consumer. Without a sign of life for some seconds it counts as gone, and what it held is given to others."""

    subscription = models.ForeignKey(SubscriptionRow, on_delete=models.CASCADE, related_name="member_rows")
    name = models.CharField(max_length=255)
    address = models.CharField(max_length=255)
    connected = models.DateTimeField()
    heartbeat = models.DateTimeField()

    class Meta:
        db_table = "store_member"


class HoldingRow(models.Model):
    """What was handed to a member and not yet acknowledged, in one partition."""

    member = models.ForeignKey(MemberRow, on_delete=models.CASCADE, related_name="holding_rows")
    cursor = models.ForeignKey(CursorRow, on_delete=models.CASCADE, related_name="holding_rows")
    numbers = models.TextField()
    """As ``CursorRow.holes``."""

    class Meta:
        db_table = "store_holding"
        constraints: ClassVar = [models.UniqueConstraint(fields=["member", "cursor"], name="store_holding_once")]
