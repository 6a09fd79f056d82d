"""Which log of its name a row describes: a topic that was made anew gets new rows beside the old ones. There is no 0008."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0007_segments")]

    operations = [
        migrations.AddField("indexedpartition", "incarnation", models.TextField(default="")),
        migrations.AddField("indexedpartition", "anew", models.IntegerField(default=0)),
        migrations.AddField("indexedpartition", "ended_at", models.DateTimeField(null=True)),
        migrations.AddField("indexedpartition", "ended_why", models.TextField(default="")),
        migrations.RemoveConstraint("indexedpartition", "one_row_a_build"),
        migrations.RemoveConstraint("indexedpartition", "one_live_build"),
        migrations.AddConstraint(
            "indexedpartition",
            models.UniqueConstraint(fields=["topic", "number", "build", "anew"], name="one_row_a_build"),
        ),
        migrations.AddConstraint(
            "indexedpartition",
            models.UniqueConstraint(
                fields=["topic", "number"], condition=models.Q(live=True, ended_at=None), name="one_live_build"
            ),
        ),
    ]
