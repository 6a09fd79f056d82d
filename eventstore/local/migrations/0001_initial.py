"""The builds of local projections, and their rows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="BuildRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("projection", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=64)),
                ("live", models.BooleanField(default=False)),
                ("checkpoint", models.TextField(default="{}")),
                ("applied", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "local_build",
                "constraints": [
                    models.UniqueConstraint(fields=("projection", "name"), name="local_build_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("live", True)), fields=("projection",), name="local_build_one_live"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ValueRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=500)),
                ("value", models.TextField()),
                (
                    "build",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="local.buildrow"),
                ),
            ],
            options={
                "db_table": "local_row",
                "constraints": [models.UniqueConstraint(fields=("build", "key"), name="local_row_once")],
            },
        ),
    ]
