"""Since when a partition has been gone from the store, so that what nobody can index any more holds up no figure."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0005_room_for_streams")]

    operations = [migrations.AddField("indexedpartition", "gone_at", models.DateTimeField(null=True))]
