from django.db import migrations, models


class Migration(migrations.Migration):
    """Why a partition is not indexed further, and since when."""

    dependencies = [("index", "0009_incarnations")]
    operations = [
        migrations.AddField("indexedpartition", "trouble", models.TextField(default="")),
        migrations.AddField("indexedpartition", "trouble_since", models.DateTimeField(null=True)),
    ]
