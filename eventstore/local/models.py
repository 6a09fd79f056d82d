"""The builds of local projections, and their rows. In the database ``default``."""

from typing import Any, ClassVar

from django.db import models

LONGEST_KEY = 500
"""Characters of a row's key."""


class BuildRow(models.Model):
    """One build of a projection's rows. ``name`` is unique in the projection: the job that makes it.

    ``checkpoint`` is JSON: the token up to which events were applied, by topic and partition. It is written in the
    transaction that writes the rows. At most one build of a projection is ``live``.
    """

    projection = models.CharField(max_length=255)
    name = models.CharField(max_length=64)
    live = models.BooleanField(default=False)
    checkpoint = models.TextField(default="{}")
    applied = models.BigIntegerField(default=0)

    class Meta:
        db_table = "local_build"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["projection", "name"], name="local_build_once"),
            models.UniqueConstraint(fields=["projection"], condition=models.Q(live=True), name="local_build_one_live"),
        ]

    def __str__(self) -> str:
        return f"{self.projection} {self.name}"


class ValueRow(models.Model):
    """One row of a build: a key, and its value as JSON in ASCII."""

    build = models.ForeignKey(BuildRow, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=LONGEST_KEY)
    value = models.TextField()

    class Meta:
        db_table = "local_row"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["build", "key"], name="local_row_once")]

    def __str__(self) -> str:
        return self.key
