from django.db import migrations, models


class Migration(migrations.Migration):
    """What the sequence numbers of a partition's sources count."""

    dependencies = [("index", "0010_trouble")]
    operations = [migrations.AddField("indexedpartition", "counters", models.TextField(default=""))]
