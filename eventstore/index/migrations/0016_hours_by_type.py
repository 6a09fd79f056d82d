from django.db import migrations, models


class Migration(migrations.Migration):
    """Which partitions have events of a type is found without reading all hours."""

    dependencies = [("index", "0015_declared")]
    operations = [
        migrations.AddIndex("hourcount", models.Index(fields=["type_id", "partition_id"], name="hours_by_type")),
    ]
