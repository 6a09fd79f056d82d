from django.db import migrations, models

import eventstore.index.models


class Migration(migrations.Migration):
    """What was seen of the cursors of subscriptions."""

    dependencies = [("index", "0012_backlogs")]
    operations = [
        migrations.CreateModel(
            name="CursorTrack",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("topic", eventstore.index.models.ExactText()),
                ("subscription", eventstore.index.models.ExactText()),
                ("partition", models.IntegerField()),
                ("track", models.TextField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("topic", "subscription", "partition"), name="one_track_a_cursor")
                ],
            },
        ),
    ]
