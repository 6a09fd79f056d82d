from django.db import migrations, models


class Migration(migrations.Migration):
    """Which segments' keys are merged. Without a row, none are."""

    dependencies = [("index", "0016_hours_by_type")]
    operations = [
        migrations.CreateModel(
            "MergingRow",
            [
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("merged_to", models.IntegerField(default=0)),
                ("owner", models.TextField(default="")),
                ("leased_until", models.DateTimeField(null=True)),
            ],
        ),
    ]
