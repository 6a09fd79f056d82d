from django.db import migrations, models

import eventstore.index.models


class Migration(migrations.Migration):
    """Under which declaration of searchable values each event was indexed, and how older ones are passed over again."""

    dependencies = [("index", "0014_rewritten")]
    operations = [
        migrations.AddField("indexedpartition", "declared", models.TextField(default="")),
        migrations.CreateModel(
            "DeclaredRow",
            [
                ("fingerprint", eventstore.index.models.ExactText(primary_key=True, serialize=False)),
                ("definitions", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            "SecondPassRow",
            [
                ("partition_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("rate", models.FloatField(default=0.0)),
                ("moved_at", models.DateTimeField(null=True)),
                ("trouble", models.TextField(default="")),
            ],
        ),
    ]
