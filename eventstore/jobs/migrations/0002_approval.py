from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_first")]

    operations = [
        migrations.AddField("jobrow", "digest", models.TextField(default="")),
        migrations.AddField("jobrow", "approve_by", models.DateTimeField(null=True)),
        migrations.AddField("jobrow", "approver", models.TextField(default="")),
        migrations.AddField("jobrow", "approver_via", models.TextField(default="")),
        migrations.AddField("jobrow", "approved", models.DateTimeField(null=True)),
    ]
