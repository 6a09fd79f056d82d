from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0012_append_entry")]

    operations = [
        migrations.AddIndex(
            "auditentry",
            models.Index(fields=["aggregate_type"], name="audit_aggregate_type", condition=models.Q(begins=True)),
        ),
    ]
