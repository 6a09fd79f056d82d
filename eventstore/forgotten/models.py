"""The aggregates that are forgotten. In the database ``default``, which outlives the index."""

from django.db import models


class ForgottenRow(models.Model):
    """One aggregate, by its keyed hash. Rows are only ever added, so the newest number tells whether there are new ones."""

    number = models.BigAutoField(primary_key=True)
    hash = models.CharField(max_length=32, unique=True)
    since = models.DateTimeField()

    class Meta:
        db_table = "forgotten_aggregate"

    def __str__(self) -> str:
        return f"{self.hash} since {self.since}"


class ForgettingSecret(models.Model):
    """The one row with the secret that keys the hashes. It is made with the first of them."""

    id = models.IntegerField(primary_key=True)
    secret = models.BinaryField()

    class Meta:
        db_table = "forgotten_secret"

    def __str__(self) -> str:
        return "the secret of the forgotten aggregates"
