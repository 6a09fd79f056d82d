import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_shares")]

    operations = [
        migrations.CreateModel(
            name="JobTurnRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=12)),
                ("share", models.CharField(default="", max_length=40)),
                ("why", models.TextField(default="")),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="turns", to="jobs.jobrow"),
                ),
            ],
            options={"db_table": "job_turn"},
        ),
    ]
