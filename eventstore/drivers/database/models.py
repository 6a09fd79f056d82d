"""The tables of the embedded store. Only this driver reads or writes them.

The numbers of a partition are gapless from 0 and nothing is deleted, so that a backlog is arithmetic over numbers,
never a count of rows. Keys and event ids may be longer than an index of PostgreSQL allows (2,704 bytes). Their hashes
are indexed, and the text is compared as well.
"""

import secrets
from typing import ClassVar

from django.db import models


def new_incarnation() -> str:
    """Return a text that no other topic has, in this database or in one that takes its place."""
    return secrets.token_hex(8)


class TopicRow(models.Model):
    name = models.CharField(max_length=255, unique=True)
    partitions = models.PositiveIntegerField()
    incarnation = models.CharField(max_length=16, default=new_incarnation)
    """Random, because the row numbers of another database begin with 1 as well."""

    class Meta:
        db_table = "store_topic"


class PartitionRow(models.Model):
    """A shard and its counter. An append locks this row for its whole transaction: position order is commit order."""

    topic = models.ForeignKey(TopicRow, on_delete=models.CASCADE, related_name="partition_rows")
    number = models.PositiveIntegerField()
    next_number = models.BigIntegerField(default=0)
    last_published = models.DateTimeField(null=True)

    class Meta:
        db_table = "store_partition"
        constraints: ClassVar = [models.UniqueConstraint(fields=["topic", "number"], name="store_partition_once")]


class MessageRow(models.Model):
    # (partition, number) identifies a message, so it needs no id of its own.
    pk = models.CompositePrimaryKey("partition_id", "number")
    partition = models.ForeignKey(PartitionRow, on_delete=models.CASCADE, related_name="messages", db_index=False)
    number = models.BigIntegerField()
    key = models.TextField(null=True)
    key_hash = models.BigIntegerField(null=True)
    """``routing.java_string_hash`` of the key."""
    properties = models.TextField(default="{}")
    """A JSON object of texts, in ASCII, so that any character survives any database's encoding."""
    payload = models.BinaryField()
    published = models.DateTimeField()
    """Never before that of the previous message in the partition, whatever the clock did."""
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
    """A named reader group. Receiving, acknowledging, joining and resetting lock this row."""

    topic = models.ForeignKey(TopicRow, on_delete=models.CASCADE, related_name="subscription_rows")
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=16)
    resets = models.PositiveIntegerField(default=0)
    """How often its cursor was reset. What was received before a reset can no longer be acknowledged."""
    moved = models.DateTimeField(null=True)
    delivered = models.DateTimeField(null=True)

    class Meta:
        db_table = "store_subscription"
        constraints: ClassVar = [models.UniqueConstraint(fields=["topic", "name"], name="store_subscription_once")]


class CursorRow(models.Model):
    subscription = models.ForeignKey(SubscriptionRow, on_delete=models.CASCADE, related_name="cursor_rows")
    partition = models.ForeignKey(PartitionRow, on_delete=models.CASCADE, related_name="+")
    acknowledged = models.BigIntegerField(default=-1)
    """Everything up to and including this number is acknowledged; -1 means nothing."""
    holes = models.TextField(default="[]")
    """What is acknowledged after it, as JSON: disjoint ``[first, last]`` pairs in order, both ends included."""
    moved = models.DateTimeField(null=True)
    """When ``acknowledged`` last moved; ``None``: never since ``placed``."""
    placed = models.DateTimeField(null=True)
    """When the cursor was made; ``None`` if an older version made it."""

    class Meta:
        db_table = "store_cursor"
        constraints: ClassVar = [models.UniqueConstraint(fields=["subscription", "partition"], name="store_cursor_once")]


class MemberRow(models.Model):
    """A connected consumer. Without a heartbeat for some seconds it counts as gone, and others get what it held."""

    subscription = models.ForeignKey(SubscriptionRow, on_delete=models.CASCADE, related_name="member_rows")
    name = models.CharField(max_length=255)
    address = models.CharField(max_length=255)
    connected = models.DateTimeField()
    heartbeat = models.DateTimeField()

    class Meta:
        db_table = "store_member"


class HoldingRow(models.Model):
    """What a member has received and not yet acknowledged, in one partition."""

    member = models.ForeignKey(MemberRow, on_delete=models.CASCADE, related_name="holding_rows")
    cursor = models.ForeignKey(CursorRow, on_delete=models.CASCADE, related_name="holding_rows")
    numbers = models.TextField()
    """In the form of ``CursorRow.holes``."""

    class Meta:
        db_table = "store_holding"
        constraints: ClassVar = [models.UniqueConstraint(fields=["member", "cursor"], name="store_holding_once")]
