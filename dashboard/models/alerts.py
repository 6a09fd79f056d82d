"""What is being told to others of the installation's state, and the messages that tell it."""

from datetime import datetime
from typing import ClassVar

from django.db import models


class Alert(models.Model):
    """Something that is wrong, from when it was first seen until it is told that it is over.

    ``key`` names what it is about. ``told``: when it was told last. ``figure``: how many letters were told of. ``gone``: since
    when it is not seen any more. Written by ``dashboard.observing.alerts`` alone.
    """

    key = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=20)
    topic = models.TextField(default="")
    subscription = models.TextField(default="")
    began = models.DateTimeField()
    told = models.DateTimeField(null=True)
    gone = models.DateTimeField(null=True)
    figure = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} since {self.began}"


class AlertMessage(models.Model):
    """One message, by mail or webhook, until it is sent: several alerts are told together. ``body`` is JSON, and never names
    an aggregate. ``tries`` counts before each try, so that one that was killed halfway has counted."""

    channel = models.CharField(max_length=10)
    body = models.TextField()
    made = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField()
    ended: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    """When it was sent, or given up."""
    problem = models.TextField(default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_try"], name="alert_message_due", condition=models.Q(ended=None)),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} by {self.channel}"
