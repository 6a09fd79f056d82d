from django.db import migrations, models


class Migration(migrations.Migration):
    """When a cursor was made: one that has never moved has stood since then."""

    dependencies = [("store", "0002_incarnation")]
    operations = [migrations.AddField("cursorrow", "placed", models.DateTimeField(null=True))]
