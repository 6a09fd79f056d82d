import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_approval")]

    operations = [
        migrations.CreateModel(
            name="JobShareRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("checkpoint", models.TextField(default="{}")),
                ("total", models.BigIntegerField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("skipped", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("rate", models.FloatField(null=True)),
                ("owner", models.TextField(default="")),
                ("epoch", models.BigIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("not_before", models.DateTimeField(null=True)),
                ("tries", models.IntegerField(default=0)),
                ("deaths", models.IntegerField(default=0)),
                ("tidy", models.BooleanField(default=True)),
                ("finished", models.BooleanField(default=False)),
                ("refused", models.BooleanField(default=False)),
                ("problem", models.TextField(default="")),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="shares", to="jobs.jobrow"),
                ),
            ],
            options={"db_table": "job_share"},
        ),
        migrations.AddConstraint(
            model_name="jobsharerow",
            constraint=models.UniqueConstraint(fields=("job", "name"), name="job_share_name"),
        ),
    ]
